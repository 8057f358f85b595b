import AppLayoutToolbar from '@cloudscape-design/components/app-layout-toolbar';
import BreadcrumbGroup from '@cloudscape-design/components/breadcrumb-group';
import SideNavigation, { type SideNavigationProps } from '@cloudscape-design/components/side-navigation';
import TopNavigation from '@cloudscape-design/components/top-navigation';
import { useCallback, useEffect, useState } from 'react';
import { Outlet, ScrollRestoration, useLocation, useParams } from 'react-router';
import { answered, ofConnection } from '../api/interface.ts';
import { useLoaded } from '../api/loaded.ts';
import { useConsole } from '../parts/console-context.ts';
import { texts } from '../texts.ts';
import { addresses } from './addresses.ts';
import { APPEARANCES, type Appearance, appear, chosenAppearance } from './appearance.ts';

const NARROW = '(max-width: 688px)';
const { frame } = texts;

/** What stands around every screen. */
export function Frame() {
  const { pathname } = useLocation();
  const place = usePlace();
  const [isOpen, setOpen] = useState(!matchMedia(NARROW).matches);
  // biome-ignore lint/correctness/useExhaustiveDependencies: whoever went to another screen wants to see it
  useEffect(() => {
    if (matchMedia(NARROW).matches) {
      setOpen(false);
    }
  }, [pathname]);
  return (
    <>
      <div id="top">
        <Top />
      </div>
      <AppLayoutToolbar
        headerSelector="#top"
        toolsHide
        navigationOpen={isOpen}
        onNavigationChange={({ detail }) => setOpen(detail.open)}
        ariaLabels={{
          navigation: frame.navigation,
          navigationToggle: frame.openNavigation,
          navigationClose: frame.closeNavigation,
        }}
        breadcrumbs={<Way to={place} />}
        navigation={<Navigation to={place} />}
        content={<Outlet key={place.connection?.id} />} // what was entered or found of one connection is of no other
      />
      <ScrollRestoration />
    </>
  );
}

function Top() {
  const { session } = useConsole();
  const [appearance, setAppearance] = useState(chosenAppearance);
  return (
    <TopNavigation
      identity={{ href: addresses.overview(), title: texts.title }}
      utilities={[
        {
          type: 'menu-dropdown',
          iconName: 'settings',
          ariaLabel: frame.appearance,
          title: frame.appearance,
          items: APPEARANCES.map((one) => ({
            id: one,
            itemType: 'checkbox',
            text: frame.appearances[one],
            checked: one === appearance,
          })),
          onItemClick: ({ detail }) => {
            const chosen = detail.id as Appearance;
            setAppearance(chosen);
            appear(chosen);
          },
        },
        {
          type: 'menu-dropdown',
          iconName: 'user-profile',
          text: session.person,
          items: [{ id: 'sign-out', text: frame.signOut }],
          onItemClick: () => {
            sessionStorage.clear(); // drafts are of whoever signs out
            void session.signOut();
          },
        },
      ]}
    />
  );
}

/** Where the person is: of which connection, if any, and at which of its screens. */
interface Place {
  readonly connection: { readonly id: string; readonly name: string } | null;
  readonly screen: Screen;
}

/** Of a connection, and of the whole stack. */
const OF_CONNECTION = ['runs', 'people', 'files', 'problems', 'edit', 'alerts', 'labels'] as const;
const OF_STACK = ['create', 'governance', 'audit', 'migration'] as const;
type Screen = 'overview' | 'connection' | (typeof OF_CONNECTION)[number] | (typeof OF_STACK)[number];

const NAMES: Record<Screen, string> = {
  overview: frame.overview,
  connection: frame.glance,
  runs: frame.runs,
  people: frame.person,
  files: texts.files.header,
  problems: frame.problems,
  edit: texts.wizard.edit,
  alerts: texts.alerts.header,
  labels: texts.governance.labels,
  create: texts.wizard.create,
  governance: texts.governance.header,
  audit: texts.audit.header,
  migration: texts.migration.header,
};

function usePlace(): Place {
  const { connectionId = null } = useParams();
  const { pathname } = useLocation();
  const name = useConnectionName(connectionId);
  if (connectionId === null) {
    const stack = pathname === addresses.create().slice(1) ? 'create' : OF_STACK.find((one) => pathname === `/${one}`);
    return { connection: null, screen: stack ?? 'overview' };
  }
  const part = pathname.split('/')[3];
  return {
    connection: { id: connectionId, name: name ?? connectionId },
    screen: OF_CONNECTION.find((one) => one === part) ?? 'connection',
  };
}

/** Null until it is known, and where it cannot be read: the screen itself says why. */
function useConnectionName(id: string | null): string | null {
  const { api } = useConsole();
  const load = useCallback(
    async (signal: AbortSignal) =>
      id === null
        ? null
        : answered(api.GET('/connections/{connection_id}', { params: ofConnection(id), signal })).then(
            ({ name }) => name,
          ),
    [api, id],
  );
  return useLoaded(load).value;
}

function addressOf({ connection, screen }: Place): string {
  const address: (id: string) => string = addresses[screen];
  return address(connection?.id ?? '');
}

function Way({ to }: { readonly to: Place }) {
  const { connection, screen } = to;
  return (
    <BreadcrumbGroup
      ariaLabel={frame.way}
      items={[
        { text: frame.overview, href: addresses.overview() },
        ...(connection ? [{ text: connection.name, href: addresses.connection(connection.id) }] : []),
        ...(screen === 'overview' || screen === 'connection' ? [] : [{ text: NAMES[screen], href: addressOf(to) }]),
      ]}
    />
  );
}

function Navigation({ to }: { readonly to: Place }) {
  const { connection } = to;
  const items: SideNavigationProps.Item[] = (['overview', ...OF_STACK] as const).map((screen) => ({
    type: 'link',
    text: NAMES[screen],
    href: addresses[screen](),
  }));
  if (connection !== null) {
    items.push({
      type: 'section',
      text: connection.name,
      items: (['connection', ...OF_CONNECTION] as const).map((screen) => ({
        type: 'link',
        text: NAMES[screen],
        href: addressOf({ connection, screen }),
      })),
    });
  }
  return <SideNavigation activeHref={addressOf(to)} items={items} />;
}
