//! `deploy` and `rollback`: plan, ask, do, tell.

use std::collections::BTreeMap;

use super::{
    Door, Failure, Outcome,
    audience::attended,
    confirm::{Question, confirmed},
    door::wait,
    flags::{DeployFlags, HostFlags, TargetFlags},
    plan,
    preview::{self, Shown},
    visit::{self, Visit, interrupted},
};
use crate::{
    engine::session::Session,
    event::Stamped,
    model::{Problem, SiteName},
    plan::Decision,
    report::{Line, Tone, plan::SitePlan, recap},
};

/// Bring sites to what the inventory says they should have, in batches, with gates.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    pub target: TargetFlags,
    #[command(flatten)]
    pub deploy: DeployFlags,
    #[command(flatten)]
    pub hosts: HostFlags,
}

/// Deploys.
pub fn run(args: &Args, door: &Door) -> Outcome {
    if args.deploy.check {
        return plan::planned(args, door);
    }
    let target = args.target.target();
    let mut fleet = visit::fleet(door, &args.hosts, &args.deploy.extra)?;
    fleet.locked = args.deploy.only_locked();
    let batches = visit::batches(&args.deploy.batches)?;
    wait(async {
        let mut visit = Visit::deploying(door, &fleet, &target).await?;
        visit.options.retry_rejected = args.deploy.retry_rejected;
        if fleet.project.settings.require_clean && visit.identity.dirty {
            let problem = Problem::new(
                "the project has changes that are not committed, and `require_clean` is on",
            );
            return Err(problem
                .hint("commit them, so that the run says what it was made of")
                .into());
        }
        if let Some(batches) = batches {
            visit.play.rollout.batches = batches;
        }
        carry_out(&visit, "deploy", "deploy to", args.deploy.diff).await
    })
}

/// Reads, plans, asks, and does it.
pub async fn carry_out(visit: &Visit<'_>, verb: &str, asking: &'static str, diff: bool) -> Outcome {
    let door = visit.door;
    let audience = visit::whole(door);
    let mut out = |events: &[Stamped]| audience.borrow_mut().hear(events);
    let mut session = visit.session(verb, &mut out).await?;
    if let Err(signal) = attended(&audience, session.read()).await {
        audience.borrow_mut().pause();
        session.close().await;
        return Err(interrupted(signal));
    }
    audience.borrow_mut().pause();
    let shown = if diff { Shown::All } else { Shown::None };
    let plans = preview::plans(visit, &session, shown).await;
    let changes = to_change(&session, &plans);
    if !door.screen.is_json() && plans.iter().any(|(_, plan)| !plan.is_empty()) {
        plan::tell(&plans, diff, door)?;
    }
    // A person is not asked about what could not begin; where nobody can be asked, --yes decides.
    let is_idle = || door.screen.is_interactive() && session.would_begin_nothing(visit.schedule());
    let agreed = if changes.is_empty() || is_idle() {
        Ok(true)
    } else {
        let settings = &visit.fleet.project.settings;
        let environment = &visit.fleet.environment;
        let above = settings.confirm_above;
        confirmed(&Question { verb: asking, environment, above, changes }, door).await
    };
    match agreed {
        Ok(true) => {}
        Ok(false) => {
            session.close().await;
            door.screen.say(&[Line::of(Tone::Warn, "nothing was changed")])?;
            return Ok(visit::NOT_WANTED);
        }
        Err(why) => {
            session.close().await;
            return Err(why);
        }
    }
    audience.borrow_mut().begin_journal(&visit.store(), &visit.identity.run)?;
    let summary = attended(&audience, session.apply(visit.schedule())).await;
    session.close().await;
    let mut audience = audience.borrow_mut();
    audience.pause();
    if !audience.tally.is_over() && !door.screen.is_json() {
        let lines = recap(&audience.tally, door.screen.columns());
        door.screen.show(&lines)?;
        let text = "left at once, with work in flight; the same command finds out how it stands and goes on";
        door.screen.say(&[Line::of(Tone::Warn, text)])?;
    }
    Ok(summary.code)
}

/// The sites that would be changed, and how.
fn to_change<'s>(
    session: &'s Session<'_>,
    plans: &'s [(SiteName, SitePlan)],
) -> BTreeMap<&'s SiteName, Vec<String>> {
    let is_change = |name: &SiteName| {
        let decision = session.sites().get(name).and_then(|site| site.decision.as_ref());
        matches!(decision, Some(Decision::Deploy(_) | Decision::Confirm { .. }))
    };
    let changed = plans.iter().filter(|(name, _)| is_change(name));
    let lines = |plan: &SitePlan| match plan.changes.as_slice() {
        [] => vec!["links".to_owned()],
        lines => lines.to_vec(),
    };
    changed.map(|(name, plan)| (name, lines(plan))).collect()
}

/// Bring sites back to the release they had before.
#[derive(Debug, clap::Args)]
pub struct RollbackArgs {
    #[command(flatten)]
    target: TargetFlags,
    /// A release, or a run that should not have happened; the previous confirmed release without it
    #[arg(long, value_name = "RELEASE|RUN|previous")]
    to: Option<String>,
    /// Sizes of the batches, as `1,10%,100%`, instead of the play's
    #[arg(long, visible_alias = "serial", value_name = "SIZES", value_delimiter = ',')]
    batches: Vec<String>,
    /// Only show what would be done
    #[arg(short = 'C', long)]
    check: bool,
    #[command(flatten)]
    hosts: HostFlags,
}

/// Rolls back.
pub fn run_rollback(args: &RollbackArgs, door: &Door) -> Outcome {
    let target = args.target.target();
    if target == crate::inventory::Target::default() {
        let problem = Problem::new("which sites to roll back is for you to say");
        return Err(Failure::usage(
            problem.hint("name sites or groups; all of them: fleetctl rollback '*'"),
        ));
    }
    let fleet = visit::fleet(door, &args.hosts, &[])?;
    let batches = visit::batches(&args.batches)?;
    wait(async {
        let to = args.to.clone().filter(|to| to != "previous");
        let mut visit = Visit::returning(door, &fleet, &target, to).await?;
        if let Some(batches) = batches {
            visit.play.rollout.batches = batches;
        }
        if args.check {
            return plan::only(&visit, false).await;
        }
        carry_out(&visit, "rollback", "roll back", false).await
    })
}
