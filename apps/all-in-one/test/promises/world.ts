import { TcpProxy } from '#testing';
import { homeWith } from '../support/home.ts';
import {
  dataFolder,
  freePorts,
  generatedSecretOf,
  startProduct,
  startSandboxAlone,
  type Product,
} from '../support/product.ts';

/** The whole product on embedded defaults, its targets outlive it, and every way in and out goes through a proxy. */
export interface World {
  product(): Product;
  secret: string;
  /** between the product and both targets */
  toTargets: TcpProxy;
  /** between the CRM and the product */
  toProduct: TcpProxy;
  /** `kill -9`, and start again on the same data */
  killAndRestart(): Promise<void>;
  close(): Promise<void>;
}

/** One second of patience and steps of a second between tries; settle times that cover `LATE_MS`. */
const QUICK = [
  ['timeout: 5s', `timeout: 1s\n    retry: { ladder: [${Array(30).fill('1s').join(', ')}], jitter: 20% }`],
  ['settle: 10s', 'settle: 3s'],
] as const;

export async function startWorld(): Promise<World> {
  const undo: (() => unknown)[] = [];
  const close = async (): Promise<void> => {
    for (const each of undo.splice(0).reverse()) await each();
  };
  try {
    const folder = dataFolder();
    undo.push(() => folder.remove());
    const ports = await freePorts();
    const toTargets = await TcpProxy.open({ host: '127.0.0.1', port: ports.sandbox });
    undo.push(() => toTargets.close());
    const toProduct = await TcpProxy.open({ host: '127.0.0.1', port: ports.port });
    undo.push(() => toProduct.close());
    const home = homeWith([...QUICK, ['baseUrl: sandbox:', `baseUrl: http://127.0.0.1:${toTargets.port}`]]);
    undo.push(() => home.remove());
    const start = (): Promise<Product> =>
      startProduct({ data: folder.path, home: home.path, ports, sandboxElsewhere: true });
    let product = await start();
    undo.push(() => product.stop());
    undo.push(await startSandboxAlone({ data: folder.path, home: home.path, ports }));
    return {
      product: () => product,
      secret: generatedSecretOf(folder.path, 'acme-crm'),
      toTargets,
      toProduct,
      killAndRestart: async () => {
        await product.kill();
        product = await start();
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
