// Pages work without any of this, but for live updates. Nothing here trusts data: the server has escaped it.
import { startTheme } from "./theme.js";
import { startComforts } from "./comforts.js";
import { startKeys } from "./keys.js";
import { startLive } from "./live.js";
import { startLiveOverview } from "./live_overview.js";

startTheme();
startComforts();
startKeys();
startLive();
startLiveOverview();
