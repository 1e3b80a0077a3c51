/** The files of the page as texts, so that they are in the executable and need no permission to read. */
import { bundleOf } from "./bundle.ts";
import actionsJs from "./page/actions.js" with { type: "text" };
import apiJs from "./page/api.js" with { type: "text" };
import appJs from "./page/app.js" with { type: "text" };
import barsJs from "./page/bars.js" with { type: "text" };
import chartsJs from "./page/charts.js" with { type: "text" };
import controlsCss from "./page/controls.css" with { type: "text" };
import dialogsCss from "./page/dialogs.css" with { type: "text" };
import domJs from "./page/dom.js" with { type: "text" };
import eventsJs from "./page/events.js" with { type: "text" };
import facetsJs from "./page/facets.js" with { type: "text" };
import formatJs from "./page/format.js" with { type: "text" };
import gridJs from "./page/grid.js" with { type: "text" };
import iconsJs from "./page/icons.js" with { type: "text" };
import indexHtml from "./page/index.html" with { type: "text" };
import letterJs from "./page/letter.js" with { type: "text" };
import lettersJs from "./page/letters.js" with { type: "text" };
import loginJs from "./page/login.js" with { type: "text" };
import messageJs from "./page/message.js" with { type: "text" };
import panelJs from "./page/panel.js" with { type: "text" };
import routerJs from "./page/router.js" with { type: "text" };
import rowJs from "./page/row.js" with { type: "text" };
import runJs from "./page/run.js" with { type: "text" };
import runsCss from "./page/runs.css" with { type: "text" };
import runsJs from "./page/runs.js" with { type: "text" };
import streamJs from "./page/stream.js" with { type: "text" };
import styleCss from "./page/style.css" with { type: "text" };
import tableJs from "./page/table.js" with { type: "text" };
import topicJs from "./page/topic.js" with { type: "text" };
import viewsCss from "./page/views.css" with { type: "text" };
import wayCss from "./page/way.css" with { type: "text" };
import wayJs from "./page/way.js" with { type: "text" };
import uPlotCss from "uplot/dist/uPlot.min.css" with { type: "text" };
import uPlotJs from "uplot/dist/uPlot.iife.min.js" with { type: "text" };

/** The page itself. */
export const PAGE: string = indexHtml;

/** Its modules, by name. */
export const SCRIPTS: Record<string, string> = {
  "actions.js": actionsJs,
  "api.js": apiJs,
  "app.js": appJs,
  "bars.js": barsJs,
  "charts.js": chartsJs,
  "dom.js": domJs,
  "events.js": eventsJs,
  "facets.js": facetsJs,
  "format.js": formatJs,
  "grid.js": gridJs,
  "icons.js": iconsJs,
  "letter.js": letterJs,
  "letters.js": lettersJs,
  "login.js": loginJs,
  "message.js": messageJs,
  "panel.js": panelJs,
  "router.js": routerJs,
  "row.js": rowJs,
  "run.js": runJs,
  "runs.js": runsJs,
  "stream.js": streamJs,
  "table.js": tableJs,
  "topic.js": topicJs,
  "way.js": wayJs,
};

/** In this order: what a later one says wins. */
export const STYLES: Record<string, string> = {
  "style.css": styleCss,
  "controls.css": controlsCss,
  "dialogs.css": dialogsCss,
  "way.css": wayCss,
  "runs.css": runsCss,
  "views.css": viewsCss,
};

/** What the page loads from `/assets/`, by name: little enough to be asked for at once, since each costs as much as all. */
export const FILES: Record<string, string> = {
  "app.js": bundleOf(SCRIPTS, "app"),
  "style.css": Object.values(STYLES).join("\n"),
  "uPlot.css": uPlotCss,
  "uPlot.js": uPlotJs,
};
