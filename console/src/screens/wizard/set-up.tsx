import Alert from '@cloudscape-design/components/alert';
import Button from '@cloudscape-design/components/button';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Wizard from '@cloudscape-design/components/wizard';
import { type ReactNode, useRef, useState } from 'react';
import { useNavigate } from 'react-router';
import { useChange } from '../../api/change.ts';
import { answered, type Interface, ofConnection, type Schemas, versioned } from '../../api/interface.ts';
import { addresses } from '../../app/addresses.ts';
import { ChangeState } from '../../parts/change-state.tsx';
import { useConsole } from '../../parts/console-context.ts';
import { SavedNote } from '../../parts/saved-note.tsx';
import { texts } from '../../texts.ts';
import { AsFile } from './as-file.tsx';
import { AudiencesStep } from './audiences-step.tsx';
import { type Based, type Draft, draftOf, keepDraft, rebased } from './draft.ts';
import { type Opened, overlaid } from './file.ts';
import { type Findings, refusalsOf, useFindings } from './findings.ts';
import { MappingStep } from './mapping-step.tsx';
import { MarketoStep } from './marketo-step.tsx';
import { MatchingStep } from './matching-step.tsx';
import { asVersioned, readBased } from './read.ts';
import { ReviewStep } from './review-step.tsx';
import { RulesStep } from './rules-step.tsx';
import { create, save } from './save.ts';
import { Sender } from './sender.tsx';
import { remember } from './shown-once.ts';
import type { Step, Unkept } from './step.ts';

const words = texts.wizard;
const NOTHING: Unkept = { credentials: { client_id: '', client_secret: '' }, sample: '' };
const TOLD: readonly { readonly title: string; readonly description: string }[] = [
  words.marketo,
  words.matching,
  words.mapping,
  words.audiences,
  words.rules,
  words.review,
];
const LAST = TOLD.length - 1;
/** The steps at which Marketo is asked too: the mapping, whose fields are typed, and the review. */
const MARKETO_ASKED: readonly number[] = [TOLD.indexOf(words.mapping), LAST];

/** The steps, from Marketo to the sender. `begun` is what a person works on, `fresh` what they would begin with anew. */
export function SetUp({
  begun,
  isKept,
  fresh,
}: {
  readonly begun: Draft;
  readonly isKept: boolean;
  readonly fresh: Draft;
}) {
  const navigate = useNavigate();
  const [draft, setDraft] = useState(begun);
  const [wasKept, setWasKept] = useState(isKept);
  const [unkept, setUnkept] = useState(NOTHING);
  const [finished, setFinished] = useState<Schemas['ConnectionOut'] | null>(null);
  const id = draft.based?.connection.id ?? null;
  const put = (next: Draft) => {
    keepDraft(id, next);
    setDraft(next);
  };
  const credentials = unkept.credentials.client_id && unkept.credentials.client_secret ? unkept.credentials : null;
  const [saved, setSaved] = useState<{ readonly draft: Draft; readonly at: Date } | null>(null);
  const isSaved = draft.configuration === saved?.draft.configuration && draft.audiences === saved.draft.audiences;
  const found = useFindings(draft, credentials, {
    asksMarketo: MARKETO_ASKED.includes(draft.step),
    isSaved,
  });
  const saving = useSaving(draft, credentials, {
    onPart: (based) => put(rebased(draft, based)),
    onSaved: (based, isFinished) => {
      setUnkept({ ...unkept, credentials: NOTHING.credentials });
      const next = draftOf(based, draft.step);
      setSaved({ draft: next, at: new Date() });
      put(next);
      if (isFinished) {
        keepDraft(based.connection.id, null);
        setFinished(based.connection);
      }
    },
  });
  const findings: Findings = id === null ? { ...found, ...refusedAt(saving.change.trouble) } : found;
  const go = async (step: number) => {
    if (id === null) {
      await saving.store();
    } else {
      put({ ...draft, step });
    }
  };
  const open = (file: Opened) => {
    if (file.id === null || file.id === id) {
      put(overlaid(draft, file));
    } else {
      void saving.goTo(file.id, file);
    }
  };
  if (finished !== null) {
    return <Sender connection={finished} />;
  }
  const step: Step = {
    draft,
    findings,
    change: (part) => put({ ...draft, ...part }),
    configure: (part) => put({ ...draft, configuration: { ...draft.configuration, ...part } }),
  };
  const contents: readonly ReactNode[] = [
    <MarketoStep
      key="marketo"
      step={step}
      credentials={unkept.credentials}
      onCredentials={(given) => setUnkept({ ...unkept, credentials: given })}
    />,
    <MatchingStep key="matching" {...step} />,
    <MappingStep
      key="mapping"
      step={step}
      sample={unkept.sample}
      onSample={(sample) => setUnkept({ ...unkept, sample })}
    />,
    <AudiencesStep key="audiences" {...step} />,
    <RulesStep key="rules" {...step} />,
    <ReviewStep
      key="review"
      step={step}
      sample={unkept.sample}
      onSample={(sample) => setUnkept({ ...unkept, sample })}
      {...(!isOpen(draft.based) && { onSave: () => void saving.save(false) })}
      isSaving={saving.change.isBusy}
    />,
  ];
  const around = (
    <SpaceBetween size="s">
      <SpaceBetween size="xs" direction="horizontal">
        <AsFile draft={draft} onOpen={open} />
        {id !== null && draft.step < LAST && <Button onClick={() => void go(LAST)}>{words.toReview}</Button>}
      </SpaceBetween>
      {wasKept && (
        <Alert
          type="info"
          action={
            <Button
              onClick={() => {
                keepDraft(id, null);
                setDraft(fresh);
                setWasKept(false);
              }}
            >
              {words.startOver}
            </Button>
          }
        >
          {words.kept}
        </Alert>
      )}
      <ChangeState of={saving.change} />
      <SavedNote at={isSaved ? (saved?.at ?? null) : null} />
    </SpaceBetween>
  );
  return (
    <Wizard
      activeStepIndex={draft.step}
      isLoadingNextStep={saving.change.isBusy}
      onNavigate={({ detail }) => void go(detail.requestedStepIndex)}
      onCancel={() => void navigate((id === null ? addresses.overview() : addresses.connection(id)).slice(1))}
      onSubmit={() => void saving.save(true)}
      submitButtonText={isOpen(draft.based) ? words.review.saveOnly : words.review.enable}
      i18nStrings={{
        cancelButton: words.cancel,
        previousButton: words.back,
        nextButton: words.next,
        navigationAriaLabel: words.stepsTitle,
        stepNumberLabel: words.step,
        collapsedStepsLabel: words.stepOf,
      }}
      steps={contents.map((content, index) => ({
        title: TOLD[index]?.title ?? '',
        ...(TOLD[index] && { description: TOLD[index].description }),
        content: (
          <SpaceBetween size="l">
            {around}
            {content}
          </SpaceBetween>
        ),
      }))}
    />
  );
}

function isOpen(based: Based | null): boolean {
  return based?.connection.status === 'enabled' || based?.connection.status === 'blocked';
}

/** What a new connection was refused for, beside the properties that are wrong. */
function refusedAt(trouble: Parameters<typeof refusalsOf>[0]): Pick<Findings, 'refusals' | 'at'> {
  const refusals = refusalsOf(trouble);
  return { refusals, at: (path) => refusals.find((one) => one.path === path)?.message };
}

/** What the stack has after a part of the steps, and after all of them. */
interface Saved {
  readonly onPart: (based: Based) => void;
  readonly onSaved: (based: Based, isFinished: boolean) => void;
}

/** Stores a new connection, or saves the draft of one that is there, and enables it. */
function useSaving(draft: Draft, credentials: Schemas['CredentialsIn'] | null, { onPart, onSaved }: Saved) {
  const { api } = useConsole();
  const navigate = useNavigate();
  const change = useChange(() => {});
  const now = useRef(draft.based);
  const store = () =>
    change.run(async () => {
      const made = await create(api, draft, credentials);
      remember(made.id, made.ingest);
      const based = await readBased(api, made.id);
      keepDraft(null, null);
      keepDraft(made.id, { ...draftOf(based, 1), audiences: draft.audiences }); // those of a file are yet to be activated
      await navigate(addresses.edit(made.id).slice(1), { replace: true });
    });
  const saveAll = async (isLast: boolean) => {
    const { based } = draft;
    if (based === null) {
      return;
    }
    const { id } = based.connection;
    now.current = based;
    await change.runVersioned({
      based: asVersioned(based),
      read: async () => {
        now.current = await readBased(api, id);
        return asVersioned(now.current);
      },
      write: async (etag) => {
        let isUnderway = false;
        try {
          await save(api, { draft, now: now.current ?? based, etag, credentials }, () => {
            isUnderway = true;
          });
          if (isLast && !isOpen(based)) {
            await enable(api, id);
          }
        } catch (error) {
          if (isUnderway) {
            onPart(await readBased(api, id)); // the next attempt is based on what was done
          }
          throw error;
        }
        onSaved(await readBased(api, id), isLast);
      },
    });
  };
  const goTo = (id: string, file: Opened) =>
    change.run(async () => {
      keepDraft(id, overlaid(draftOf(await readBased(api, id), 0), file));
      await navigate(addresses.edit(id).slice(1));
    });
  return { change, store, goTo, save: saveAll };
}

/** Enables what was just saved, unless somebody changed it since. */
async function enable(api: Interface, id: string): Promise<void> {
  const { etag } = await versioned(api.GET('/connections/{connection_id}', { params: ofConnection(id) }));
  const params = { ...ofConnection(id), header: { 'if-match': etag } };
  await answered(api.POST('/connections/{connection_id}/enable', { params }));
}
