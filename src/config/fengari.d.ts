/** The part of fengari (Lua 5.3 in JavaScript) that lua-machine.ts uses; the package has no types of its own. */
declare module 'fengari' {
  /** A Lua state; opaque. */
  export interface LuaState {
    readonly l_G: unknown
  }
  export type LuaCFunction = (L: LuaState) => number
  /** Lua text is bytes. */
  export type LuaText = Uint8Array

  interface Lua {
    readonly LUA_OK: number
    readonly LUA_MASKCOUNT: number
    readonly LUA_TNIL: number
    readonly LUA_TBOOLEAN: number
    readonly LUA_TNUMBER: number
    readonly LUA_TSTRING: number
    readonly LUA_TTABLE: number
    readonly lua_Debug: new () => { readonly currentline: number }
    lua_close(L: LuaState): void
    lua_createtable(L: LuaState, items: number, fields: number): void
    lua_getfield(L: LuaState, index: number, name: LuaText): number
    lua_getglobal(L: LuaState, name: LuaText): number
    lua_getinfo(L: LuaState, what: LuaText, into: { readonly currentline: number }): number
    lua_getstack(L: LuaState, level: number, into: { readonly currentline: number }): number
    lua_gettop(L: LuaState): number
    lua_isinteger(L: LuaState, index: number): boolean
    lua_next(L: LuaState, index: number): number
    lua_pcall(L: LuaState, args: number, results: number, handler: number): number
    lua_pop(L: LuaState, count: number): void
    lua_pushboolean(L: LuaState, value: boolean): void
    lua_pushcfunction(L: LuaState, run: LuaCFunction): void
    lua_pushinteger(L: LuaState, value: number): void
    lua_pushnil(L: LuaState): void
    lua_pushnumber(L: LuaState, value: number): void
    lua_pushstring(L: LuaState, value: LuaText): void
    lua_pushvalue(L: LuaState, index: number): void
    lua_setfield(L: LuaState, index: number, name: LuaText): void
    lua_sethook(L: LuaState, hook: (L: LuaState) => void, mask: number, count: number): void
    lua_setmetatable(L: LuaState, index: number): number
    lua_settable(L: LuaState, index: number): void
    lua_setupvalue(L: LuaState, index: number, n: number): LuaText | null
    lua_toboolean(L: LuaState, index: number): boolean
    lua_tonumber(L: LuaState, index: number): number
    lua_topointer(L: LuaState, index: number): object | null
    lua_tostring(L: LuaState, index: number): LuaText | null
    lua_type(L: LuaState, index: number): number
  }
  interface Auxiliary {
    luaL_error(L: LuaState, message: LuaText): never
    luaL_loadbuffer(L: LuaState, text: LuaText, length: number, name: LuaText): number
    luaL_newstate(): LuaState
    luaL_requiref(L: LuaState, name: LuaText, open: LuaCFunction, global: number): void
  }
  interface Libraries {
    readonly luaopen_base: LuaCFunction
    readonly luaopen_math: LuaCFunction
    readonly luaopen_string: LuaCFunction
    readonly luaopen_table: LuaCFunction
    readonly luaopen_utf8: LuaCFunction
  }
  const fengari: { readonly lua: Lua; readonly lauxlib: Auxiliary; readonly lualib: Libraries }
  export default fengari
}
