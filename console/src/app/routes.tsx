import type { ComponentType } from 'react';
import type { RouteObject } from 'react-router';
import { ScreenLoading } from '../parts/answer.tsx';
import { Frame } from './frame.tsx';
import { NoScreen, ScreenFailed } from './no-screen.tsx';

/** A screen whose code comes when it is opened. */
function screen(load: () => Promise<{ Screen: ComponentType }>): Pick<RouteObject, 'lazy' | 'HydrateFallback'> {
  return { lazy: async () => ({ Component: (await load()).Screen }), HydrateFallback: ScreenLoading };
}

export const routes: RouteObject[] = [
  {
    element: <Frame />,
    HydrateFallback: ScreenLoading,
    children: [
      {
        errorElement: <ScreenFailed />,
        children: [
          { path: '/', ...screen(() => import('../screens/overview/screen.tsx')) },
          { path: '/connections/:connectionId', ...screen(() => import('../screens/connection/screen.tsx')) },
          { path: '/connections/:connectionId/runs/:runId?', ...screen(() => import('../screens/runs/screen.tsx')) },
          { path: '/connections/:connectionId/people', ...screen(() => import('../screens/person/screen.tsx')) },
          { path: '/connections/:connectionId/files', ...screen(() => import('../screens/files/screen.tsx')) },
          { path: '/connections/:connectionId/files/:fileId', ...screen(() => import('../screens/files/file.tsx')) },
          {
            path: '/connections/:connectionId/problems',
            ...screen(() => import('../screens/problems/screen.tsx')),
          },
          {
            path: '/connections/:connectionId/problems/verifications/:verificationId',
            ...screen(() => import('../screens/problems/verification.tsx')),
          },
          { path: '/new', ...screen(() => import('../screens/wizard/screen.tsx')) },
          { path: '/connections/:connectionId/edit', ...screen(() => import('../screens/wizard/screen.tsx')) },
          { path: '/connections/:connectionId/alerts', ...screen(() => import('../screens/alerts/screen.tsx')) },
          { path: '/connections/:connectionId/labels', ...screen(() => import('../screens/governance/labels.tsx')) },
          { path: '/governance', ...screen(() => import('../screens/governance/screen.tsx')) },
          { path: '/audit', ...screen(() => import('../screens/audit/screen.tsx')) },
          { path: '/migration', ...screen(() => import('../screens/migration/screen.tsx')) },
          { path: '*', element: <NoScreen /> },
        ],
      },
    ],
  },
];
