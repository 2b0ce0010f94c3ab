//! `plan`: what a deploy would do, and nothing done.

use serde_json::{Value, json};

use super::{
    Door, Failure, Outcome, deploy,
    door::wait,
    exit,
    preview::{self, Shown},
    visit::{self, Visit, code_of_reading, read_only},
};
use crate::{model::SiteName, report::plan::SitePlan};

/// How many lines of a file's changes are shown, without and with `--diff`.
const LINES: (usize, usize) = (40, 2_000);

/// Show what a deploy would do: versions, links, files. Exit code 10 when there is something.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub struct Args {
    #[command(flatten)]
    what: deploy::Args,
}

/// Plans.
pub fn run(args: &Args, door: &Door) -> Outcome {
    planned(&args.what, door)
}

/// Plans what is targeted; also what `deploy --check` does.
pub fn planned(args: &deploy::Args, door: &Door) -> Outcome {
    let deploy = &args.deploy;
    let mut fleet = visit::fleet(door, &args.hosts, &deploy.extra)?;
    fleet.locked = deploy.only_locked();
    visit::batches(&deploy.batches)?;
    wait(async {
        let mut visit = Visit::deploying(door, &fleet, &args.target.target()).await?;
        visit.options.retry_rejected = deploy.retry_rejected;
        only(&visit, deploy.diff).await
    })
}

/// Reads and plans, and shows what would be done.
pub async fn only(visit: &Visit<'_>, diff: bool) -> Outcome {
    read_only(visit, "plan", async |session| {
        let shown = if diff { Shown::All } else { Shown::Changed };
        let plans = preview::plans(visit, session, shown).await;
        tell(&plans, diff, visit.door)?;
        let trouble = code_of_reading(session.sites().values());
        let is_blocked = plans.iter().any(|(_, plan)| plan.blocked.is_some());
        let is_pending = plans.iter().any(|(_, plan)| !plan.is_empty());
        Ok(match (trouble, is_blocked, is_pending) {
            (0, true, _) => exit::FAILED,
            (0, false, true) => exit::PENDING,
            (0, false, false) => exit::DONE,
            (trouble, ..) => trouble,
        })
    })
    .await
}

/// Shows the plans.
pub fn tell(plans: &[(SiteName, SitePlan)], diff: bool, door: &Door) -> Result<(), Failure> {
    if door.screen.is_json() {
        let sites: Vec<Value> = plans.iter().map(|(site, plan)| to_json(site, plan)).collect();
        door.screen.json(&json!({ "schema": 1, "sites": sites }))?;
        return Ok(());
    }
    let limit = if diff { LINES.1 } else { LINES.0 };
    door.screen.show(&crate::report::plan::plan(plans, door.screen.columns(), limit))?;
    Ok(())
}

fn to_json(site: &SiteName, plan: &SitePlan) -> Value {
    let files = &plan.files;
    json!({
        "site": site,
        "changes": plan.changes,
        "linked": plan.linked,
        "replaced": plan.replaced,
        "left": plan.left,
        "files": {
            "added": files.added, "changed": files.changed,
            "removed": files.removed, "kept": files.kept,
        },
        "warnings": plan.warnings,
        "blocked": plan.blocked,
    })
}
