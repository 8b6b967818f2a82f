// A person at a browser: logs in, looks at a pipeline and a job, downloads fly from the menu. Usage:
// node browse.mjs PLAYWRIGHT CHROMIUM URL USER PASSWORD FOLDER. Prints a line for each thing done; ends with 1 if one
// cannot be done.
import { createRequire } from 'node:module';
import { join } from 'node:path';

const [playwright, chromium, url, user, password, folder] = process.argv.slice(2);
const { chromium: browser } = createRequire(import.meta.url)(playwright);
const started = await browser.launch({ executablePath: chromium, args: ['--no-sandbox', '--no-proxy-server'] });
const context = await started.newContext({ viewport: { width: 1280, height: 800 }, acceptDownloads: true });
const page = await context.newPage();
page.setDefaultTimeout(90_000);
const broken = [];
page.on('pageerror', (error) => broken.push(`script: ${error}`));
page.on('response', (reply) => {
  if (reply.url().includes('/public/') && reply.status() >= 400) broken.push(`${reply.status()} ${reply.url()}`);
});
const done = (what) => console.log(what);

try {
  await page.goto(`${url}/login`);
  await page.fill('#login', user);
  await page.fill('#password', password);
  await page.click('[type=submit]');
  await page.waitForSelector('text=example');
  await page.waitForTimeout(1500);
  await page.screenshot({ path: join(folder, 'web-dashboard.png') });
  done('logged in, the dashboard shows the pipeline');

  await page.goto(`${url}/teams/main/pipelines/example`);
  await page.waitForSelector('svg .node.job, svg .node');
  const jobs = await page.locator('svg .node').allTextContents();
  for (const job of ['build', 'test', 'publish']) if (!jobs.join(' ').includes(job)) throw new Error(`no ${job} in ${jobs}`);
  await page.waitForTimeout(1500);
  await page.screenshot({ path: join(folder, 'web-pipeline.png') });
  done(`the pipeline's picture has ${jobs.length} nodes`);

  await page.goto(`${url}/teams/main/pipelines/example/jobs/build`);
  await page.click('[aria-label="Trigger Build"]');
  await page.waitForURL(/builds\/1/);
  await page.waitForSelector('text=checking pipeline is not paused');
  done('a build was begun by a click');

  await page.goto(`${url}/download-fly`);
  const names = await page.locator('select.platforms option').allTextContents();
  if (!names.some((name) => name.includes('arm, 32-bit'))) throw new Error(`the menu has ${names}`);
  await page.focus('select.platforms'); // the page learns its own address then
  await page.selectOption('select.platforms', 'linux-amd64');
  const [download] = await Promise.all([page.waitForEvent('download'), page.click(`a[href^="${url}/api"]`)]);
  await download.saveAs(join(folder, 'fly'));
  await page.selectOption('select.platforms', 'linux-arm');
  await page.waitForTimeout(500);
  await page.screenshot({ path: join(folder, 'web-download.png') });
  done(`the menu has ${names.length - 1} systems; fly was downloaded`);
  if (broken.length) throw new Error(broken.join('\n'));
} catch (error) {
  await page.screenshot({ path: join(folder, 'web-failure.png') }).catch(() => {});
  console.log(`FAILED: ${error}\n${broken.join('\n')}`);
  process.exitCode = 1;
} finally {
  await started.close();
}
