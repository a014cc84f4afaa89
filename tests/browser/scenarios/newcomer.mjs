// Somebody who has just cloned the project, and clicks.

import { DESKTOP, fits, isAccessible, isClean, isDone, observe, readQr, shoot, visitor } from "../chromium.mjs";
import { CONTROL, phoneExists, salonExists, until } from "../stage.mjs";

const SALON = 770_100;
const NUMBER = "79007701000";

export async function aNewcomerGetsASalonOnlineByClicking(browser) {
  await salonExists(SALON, "Barber House");
  await phoneExists(NUMBER);
  const context = await visitor(browser, DESKTOP, "en-GB");
  const control = await context.newPage();
  const seen = observe(control, CONTROL);
  await control.goto(CONTROL);
  const salon = control.locator("#salons > li", { hasText: String(SALON) });
  const [page] = await Promise.all([context.waitForEvent("page"), salon.getByRole("link", { name: "Connect" }).click()]);
  await readQr(page);
  await control.bringToFront();
  await isAccessible(control, "the control page");
  await fits(control, "the control page");
  await control.locator("#phones > li", { hasText: "770-10-00" }).getByRole("button", { name: "Scan", exact: true }).click();
  await until("the salon is installed", async () => (await salon.locator(".badge").innerText()) === "installed");
  await shoot(control, "control-page");
  await isDone(page);
  await isClean(control, seen);
}
