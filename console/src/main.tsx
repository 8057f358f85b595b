import '@cloudscape-design/global-styles/index.css';
import './console.css';
import { createRoot } from 'react-dom/client';
import { App } from './app/app.tsx';
import { begin } from './session/begin.ts';
import { texts } from './texts.ts';

const root = document.getElementById('root');
if (root === null) {
  throw new Error('index.html has no root');
}
try {
  const session = await begin();
  createRoot(root).render(<App session={session} />);
} catch (error) {
  root.textContent = `${texts.begin.failed} ${error instanceof Error ? error.message : ''}`;
}
