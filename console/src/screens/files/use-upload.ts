import { useCallback, useEffect, useRef, useState } from 'react';
import { useNavigate } from 'react-router';
import { answered, ofConnection } from '../../api/interface.ts';
import { type Trouble, troubleOf } from '../../api/problem.ts';
import { addresses } from '../../app/addresses.ts';
import { useConsole } from '../../parts/console-context.ts';
import { asked, type Choices } from './rules.ts';

/** An upload, and what came of the last one. */
export interface Upload {
  /** How many bytes were sent; null: nothing is being uploaded. */
  readonly sent: number | null;
  readonly trouble: Trouble | null;
  /** The status with which the bucket refused the file. */
  readonly refusedWith: number | null;
  readonly start: (file: File, chosen: Choices) => Promise<void>;
  readonly stop: () => void;
}

type State = Pick<Upload, 'sent' | 'trouble' | 'refusedWith'>;

const IDLE: State = { sent: null, trouble: null, refusedWith: null };
const PATH = '/connections/{connection_id}/files/{file_id}';

/**
 * Uploads a file of a connection, and goes to the screen that shows how far it is. A file that does not arrive whole is
 * cancelled, and so is one whose screen is left; `onLeft` is told then.
 */
export function useUpload(id: string, onLeft: () => void): Upload {
  const { api, session } = useConsole();
  const navigate = useNavigate();
  const [state, setState] = useState(IDLE);
  const going = useRef<AbortController | null>(null);
  useEffect(() => () => going.current?.abort(), []);
  const isGoing = state.sent !== null;
  useEffect(() => {
    if (!isGoing) {
      return;
    }
    const ask = (event: BeforeUnloadEvent) => event.preventDefault(); // the browser asks whether to leave the page
    addEventListener('beforeunload', ask);
    return () => removeEventListener('beforeunload', ask);
  }, [isGoing]);

  const put = async (fileId: string, address: string, file: File, signal: AbortSignal) => {
    const drop = async () => {
      const params = { path: { connection_id: id, file_id: fileId } };
      await api.DELETE(PATH, { params }).catch(() => undefined); // its address is good for an hour, and then it is over
      onLeft();
    };
    try {
      const answer = await session.put(address, file, { signal, onSent: (sent) => setState({ ...IDLE, sent }) });
      if (answer.status === 200) {
        return true;
      }
      await drop();
      setState({ ...IDLE, refusedWith: answer.status });
    } catch (error) {
      await drop();
      setState(() => (signal.aborted ? IDLE : troubled(error)));
    }
    return false;
  };

  const start = async (file: File, chosen: Choices) => {
    const control = new AbortController();
    going.current = control;
    setState({ ...IDLE, sent: 0 });
    try {
      const call = api.POST('/connections/{connection_id}/files', {
        params: ofConnection(id),
        body: asked(file, chosen),
        signal: control.signal,
      });
      const made = await answered(call);
      if (await put(made.file.id, made.upload.url, file, control.signal)) {
        await navigate(addresses.file(id, made.file.id).slice(1));
      }
    } catch (error) {
      setState(() => (control.signal.aborted ? IDLE : troubled(error)));
    }
  };

  return { ...state, start, stop: useCallback(() => going.current?.abort(), []) };
}

/** Called in the update of the state, so that the screen's error boundary gets what is a fault. */
function troubled(error: unknown): State {
  return { ...IDLE, trouble: troubleOf(error) };
}
