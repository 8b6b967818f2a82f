// Opens a page in a browser and prints what it has become. Usage: node show.mjs PLAYWRIGHT CHROMIUM URL
import { createRequire } from 'node:module';

const [playwright, chromium, url] = process.argv.slice(2);
const { chromium: browser } = createRequire(import.meta.url)(playwright);
const started = await browser.launch({ executablePath: chromium, args: ['--no-sandbox', '--no-proxy-server'] });
try {
  const page = await started.newPage();
  await page.goto(url, { waitUntil: 'networkidle', timeout: 60_000 });
  console.log(await page.content());
} finally {
  await started.close();
}
