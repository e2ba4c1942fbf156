// The package's `main` is CommonJS under "type": "module" and crashes in Node; its module file works and lacks types.
declare module 'wgsl_reflect/wgsl_reflect.module.js' {
  export * from 'wgsl_reflect';
}
