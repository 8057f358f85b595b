import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

// Relative addresses, so that the same output works at the root of a bucket and below any path.
export default defineConfig({
  base: './',
  plugins: [react()],
  build: {
    outDir: 'dist',
    emptyOutDir: true,
    target: 'es2022',
    chunkSizeWarningLimit: 1000,
    modulePreload: { polyfill: false },
    manifest: true,
  },
});
