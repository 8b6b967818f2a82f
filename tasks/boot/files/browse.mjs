// A person at a browser: does the steps that it is given, one by one. Usage:
// node browse.mjs PLAYWRIGHT CHROMIUM PORT FOLDER STEPS. Whatever host a page is on, it is asked for at PORT of this
// machine. FOLDER: for pictures, and for files NAME.done that answer `do NAME`. STEPS: as JSON, a list of lists of words.
// Prints a line for each step; the last one is `all seen` or begins with `FAILED`.
import { createRequire } from 'node:module';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

const [playwright, chromium, port, folder, steps] = process.argv.slice(2);
const { chromium: browser } = createRequire(import.meta.url)(playwright);
const started = await browser.launch({
  executablePath: chromium,
  args: ['--no-sandbox', '--no-proxy-server', `--host-resolver-rules=MAP *:* 127.0.0.1:${port}`],
});
const page = await (await started.newContext({ viewport: { width: 1280, height: 800 } })).newPage();
page.setDefaultTimeout(180_000);
const broken = [];
page.on('pageerror', (error) => broken.push(`script: ${error}`));
page.on('response', (reply) => {
  if (reply.status() >= 500 || (reply.status() >= 400 && reply.url().includes('/public/')))
    broken.push(`${reply.status()} ${reply.url()}`);
});
const answered = async (file) => {
  while (!existsSync(file)) await page.waitForTimeout(100);
};
const verbs = {
  open: (url) => page.goto(url),
  fill: (selector, text) => page.fill(selector, text),
  click: (selector) => page.click(selector),
  see: (selector) => page.waitForSelector(selector),
  miss: async (selector) => {
    if (await page.locator(selector).count()) throw new Error(`${selector} is there`);
  },
  do: (name) => answered(join(folder, `${name}.done`)),
  picture: (name) => page.screenshot({ path: join(folder, `${name}.png`) }),
};

let doing = '';
try {
  for (const [verb, ...words] of JSON.parse(steps)) {
    doing = `${verb} ${verb === 'fill' ? words[0] : words.join(' ')}`;
    console.log(doing);
    await verbs[verb](...words);
  }
  doing = 'load all of the pages';
  if (broken.length) throw new Error(broken.join('\n'));
  console.log('all seen');
} catch (error) {
  await page.screenshot({ path: join(folder, 'failure.png'), timeout: 10_000 }).catch(() => {});
  const text = await page.innerText('body', { timeout: 10_000 }).catch(() => '');
  console.log(`FAILED to ${doing}: ${error}\n${broken.join('\n')}\nThe page says: ${text.slice(0, 2000)}`);
} finally {
  await started.close();
}
