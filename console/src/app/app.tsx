import I18nProvider from '@cloudscape-design/components/i18n';
import messages from '@cloudscape-design/components/i18n/messages/all.en';
import { useMemo } from 'react';
import { createHashRouter, RouterProvider } from 'react-router';
import { interfaceOf } from '../api/interface.ts';
import { ConsoleContext } from '../parts/console-context.ts';
import type { Session } from '../session/session.ts';
import { routes } from './routes.tsx';

const router = createHashRouter(routes);

/** The whole application, with the session of whatever host it has. */
export function App({ session }: { readonly session: Session }) {
  const console = useMemo(() => ({ session, api: interfaceOf(session) }), [session]);
  return (
    <I18nProvider locale="en" messages={[messages]}>
      <ConsoleContext.Provider value={console}>
        <RouterProvider router={router} />
      </ConsoleContext.Provider>
    </I18nProvider>
  );
}
