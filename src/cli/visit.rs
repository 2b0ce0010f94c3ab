//! What all verbs share that go to hosts: from flags to a session that can be read.

mod warnings;

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    env,
    future::Future,
    sync::Arc,
};

use globset::Glob;

use self::warnings::warn_of_holds;
pub use self::warnings::warn_of_lock;
use super::{
    Door, Failure,
    audience::{Audience, attended},
    exit,
    flags::HostFlags,
};
use crate::{
    engine::{emit::Emit, session::Session, site::Site},
    event::{Batches, Event, Signal, Slot, Stamped},
    feature::Choice,
    inventory::{Layer, LayerName, Target, sounds_secret},
    model::{FeatureName, Outcome as SiteOutcome, Problem, Problems, SiteName},
    pipeline::{self, Fleet, Identity, Options, Prepared, RunSetup, Scope, Task},
    playbook::Play,
    report::{Line, Tone, plural},
    rollout::{Flags, exit_code, schedule},
    store::Store,
    transport::TransportError,
};

/// Everything that a verb needs to go to hosts.
pub struct Visit<'a> {
    /// The command.
    pub door: &'a Door,
    /// The project.
    pub fleet: &'a Fleet,
    /// The play of the sites.
    pub play: Play,
    /// The sites, in the inventory's order.
    pub sites: Vec<SiteName>,
    /// What is done.
    pub task: Task,
    /// Contents and places.
    pub prepared: Arc<Prepared>,
    /// Who we are.
    pub identity: Identity,
    /// What the run is told.
    pub options: Options,
}

/// Reads the project, with what the flags say about hosts.
///
/// # Errors
/// Everything wrong with it.
pub fn fleet(door: &Door, hosts: &HostFlags, extra: &[String]) -> Result<Fleet, Failure> {
    let mut project = door.project()?;
    if let Some(timeout) = hosts.timeout {
        let ssh = &mut project.settings.ssh;
        ssh.command_timeout = timeout;
        ssh.connect_timeout = ssh.connect_timeout.min(timeout);
    }
    if hosts.become_root {
        project.settings.ssh.site.become_root = Some(true);
    }
    if let Some(parallel) = hosts.parallel {
        project.settings.parallel = parallel;
    }
    door.environment(&project)?;
    let mut fleet = pipeline::load(project, door.global.env.as_deref(), &[])?;
    fleet.extra = variables(extra, door)?;
    door.tell_notes(&fleet.inventory.notes)?;
    Ok(fleet)
}

/// The variables of `-e`, the later the stronger: `name=value`, and files of them.
fn variables(arguments: &[String], door: &Door) -> Result<Layer, Failure> {
    let mut problems = Problems::default();
    let mut all = Layer { name: LayerName::CommandLine, variables: BTreeMap::new() };
    for argument in arguments {
        let layer = match argument.strip_prefix('@') {
            None => Layer::from_arguments([argument.as_str()]),
            Some(file) => std::fs::read_to_string(door.path(file))
                .map_err(|why| Problem::new(format!("-e {argument}: {why}")).into())
                .and_then(|text| Layer::parse(LayerName::CommandLine, file, &text)),
        };
        all.variables
            .extend(problems.absorb(layer).map(|layer| layer.variables).unwrap_or_default());
    }
    problems.or(all).map_err(Failure::usage)
}

impl<'a> Visit<'a> {
    /// A visit that only reads hosts, or runs a command there.
    ///
    /// # Errors
    /// A target that matches nothing, and places that cannot be worked out.
    pub async fn reading(
        door: &'a Door,
        fleet: &'a Fleet,
        target: &Target,
    ) -> Result<Self, Failure> {
        let sites = fleet.select(target)?;
        let prepared = fleet.prepare(&sites, Choice::new()).await?;
        Ok(Self::new(door, fleet, Play::default(), sites, Task::Read, prepared))
    }

    /// A visit that brings sites to what they should have.
    ///
    /// # Errors
    /// Everything that can be wrong before a connection.
    pub async fn deploying(
        door: &'a Door,
        fleet: &'a Fleet,
        target: &Target,
    ) -> Result<Self, Failure> {
        let (play, sites) = in_play(door, fleet, target)?;
        let resolved = fleet.resolve(&sites)?;
        let choice = resolved.choice();
        let scope = scope(&choice, target);
        warn_of_holds(door, fleet, &sites)?;
        warn_of_lock(door, fleet, &resolved, false)?;
        let prepared = fleet.prepare(&sites, choice).await?;
        door.tell_notes(&prepared.doubts)?;
        Ok(Self::new(door, fleet, play, sites, Task::Deploy(scope), prepared))
    }

    /// A visit that brings sites back.
    ///
    /// # Errors
    /// As for [`Self::reading`].
    pub async fn returning(
        door: &'a Door,
        fleet: &'a Fleet,
        target: &Target,
        to: Option<String>,
    ) -> Result<Self, Failure> {
        let (play, sites) = in_play(door, fleet, target)?;
        let prepared = fleet.prepare(&sites, Choice::new()).await?;
        Ok(Self::new(door, fleet, play, sites, Task::Rollback(to), prepared))
    }

    fn new(
        door: &'a Door,
        fleet: &'a Fleet,
        play: Play,
        sites: Vec<SiteName>,
        task: Task,
        prepared: Arc<Prepared>,
    ) -> Self {
        let identity = Identity::now(fleet, command());
        Self { door, fleet, play, sites, task, prepared, identity, options: Options::default() }
    }

    /// A session that has been announced and not yet read. `out` takes its events.
    ///
    /// # Errors
    /// Everything that keeps sites from being reached.
    pub async fn session<'e>(
        &self,
        verb: &str,
        out: &'e mut (dyn FnMut(&[Stamped]) -> std::io::Result<()> + 'e),
    ) -> Result<Session<'e>, Failure> {
        let setup = RunSetup {
            fleet: self.fleet,
            prepared: Arc::clone(&self.prepared),
            identity: &self.identity,
            play: &self.play,
            task: self.task.clone(),
            options: self.options.clone(),
        };
        let mut session = setup.session(Emit::new(out), &self.sites).await?;
        session.tell(Event::RunStarted(setup.header(verb, &self.sites)));
        Ok(session)
    }

    /// The schedule of the play over these sites.
    #[must_use]
    pub fn schedule(&self) -> crate::event::Schedule {
        let hosts = self.fleet.host_of();
        let slots = self.sites.iter().filter_map(|name| {
            let site = self.fleet.inventory.site(name.as_str())?;
            let host = hosts.get(name).cloned().unwrap_or_else(|| name.to_string());
            let canary = self.play.rollout.is_canary(&site.tags);
            Some(Slot { site: name.clone(), host, canary })
        });
        schedule(&self.play.rollout, slots.collect(), self.identity.run.as_str())
    }

    /// The journal's place.
    #[must_use]
    pub fn store(&self) -> Store {
        Store::of_project(&self.fleet.project.root)
    }
}

/// Reads all sites while the screen shows how far it is, and hands them to `tell`.
///
/// # Errors
/// What keeps sites from being reached, a signal, and what `tell` says.
pub async fn read_only(
    visit: &Visit<'_>,
    verb: &str,
    tell: impl AsyncFnOnce(&Session<'_>) -> Result<u8, Failure>,
) -> Result<u8, Failure> {
    let audience = Audience::progress(&visit.door.screen);
    let mut out = |events: &[Stamped]| audience.borrow_mut().hear(events);
    let mut session = visit.session(verb, &mut out).await?;
    let read = attended(&audience, session.read()).await;
    audience.borrow_mut().pause();
    let told = match read {
        Ok(()) => tell(&session).await,
        Err(signal) => Err(interrupted(signal)),
    };
    session.close().await;
    told
}

/// Somebody ended the command before it did anything.
pub fn interrupted(signal: Signal) -> Failure {
    Failure::silent(signal.code())
}

/// Waits for `work`, which is a question to a person, unless a signal comes first.
pub async fn unless_stopped<T>(work: impl Future<Output = T>) -> Result<T, Failure> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())
        .map_err(|why| Failure::internal(format!("signals cannot be heard: {why}")))?;
    tokio::select! {
        done = work => Ok(done),
        _ = tokio::signal::ctrl_c() => Err(interrupted(Signal::Interrupt)),
        _ = terminate.recv() => Err(interrupted(Signal::Terminate)),
    }
}

/// The exit code for sites of which some could not be read.
#[must_use]
pub fn code_of_reading<'s>(sites: impl IntoIterator<Item = &'s Site>) -> u8 {
    let mut flags = Flags::default();
    let mut outcomes = Vec::new();
    for site in sites {
        let outcome = match &site.trouble {
            None => SiteOutcome::Unchanged,
            Some(why) => {
                flags.denied |= is_denied(why);
                match why {
                    crate::engine::host::StepError::Unreachable(_) => SiteOutcome::Unreachable,
                    _ => SiteOutcome::Failed,
                }
            }
        };
        outcomes.push(outcome);
    }
    exit_code(outcomes, flags)
}

fn is_denied(why: &crate::engine::host::StepError) -> bool {
    use crate::engine::host::StepError::Unreachable;
    matches!(why, Unreachable(TransportError::HostKey(_) | TransportError::Authentication { .. }))
}

/// The command as typed. Values of variables that sound like secrets are left out.
fn command() -> String {
    let words: Vec<String> =
        env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
    crate::shell::command_line(std::iter::once("fleetctl".to_owned()).chain(masked(&words)))
}

fn masked(words: &[String]) -> Vec<String> {
    let mut is_value = false;
    let mask = |assignment: &str| {
        let (name, _) = assignment.split_once('=')?;
        sounds_secret(name).then(|| format!("{name}=…"))
    };
    let mut shown = Vec::new();
    for word in words {
        let attached =
            ["--extra-vars=", "-e"].iter().find_map(|flag| Some((*flag, word.strip_prefix(flag)?)));
        shown.push(match attached {
            _ if is_value => mask(word).unwrap_or_else(|| word.clone()),
            Some((flag, rest)) => {
                mask(rest).map_or_else(|| word.clone(), |rest| format!("{flag}{rest}"))
            }
            None => word.clone(),
        });
        is_value = matches!(word.as_str(), "-e" | "--extra-vars");
    }
    shown
}

/// Which features a deploy with this target changes.
fn scope(choice: &Choice, target: &Target) -> Scope {
    let words: Vec<&str> =
        target.features.iter().flat_map(|word| word.split(',')).map(str::trim).collect();
    if words.is_empty() {
        return Scope::Everything;
    }
    let globs: Vec<_> =
        words.iter().filter_map(|word| Some(Glob::new(word).ok()?.compile_matcher())).collect();
    let features: BTreeSet<FeatureName> = choice
        .values()
        .flat_map(BTreeMap::keys)
        .filter(|feature| globs.iter().any(|glob| glob.is_match(feature.as_str())))
        .cloned()
        .collect();
    Scope::Only(features)
}

/// The play of the sites meant, and those of them that it is for.
fn in_play(door: &Door, fleet: &Fleet, target: &Target) -> Result<(Play, Vec<SiteName>), Failure> {
    let names = fleet.select(target)?;
    let (play, sites) = fleet.play_for(&names)?;
    fleet.canary_of_nobody(&play).iter().try_for_each(|doubt| door.tell_note(doubt))?;
    let left = names.len() - sites.len();
    if left > 0 {
        let text =
            format!("{} not in the play `{}`, and left out", plural(left, "site"), play.name);
        door.screen.note(&Line::of(Tone::Warn, "note: ").add(Tone::Plain, &text))?;
    }
    Ok((play, sites))
}

/// Sizes of batches as `--batches` has them.
///
/// # Errors
/// Words that are no size.
pub fn batches(words: &[String]) -> Result<Option<Batches>, Failure> {
    if words.is_empty() {
        return Ok(None);
    }
    let mut problems = Problems::default();
    let mut sizes = Vec::new();
    for word in words {
        match word.trim().parse::<crate::event::Share>() {
            Ok(share) if share.of(100) > 0 || word.contains('%') => sizes.push(share),
            Ok(_) => problems.push(Problem::new("--batches 0: a batch has at least one site")),
            Err(why) => problems.push(Problem::new(format!("--batches: {why}"))),
        }
    }
    problems.or(Some(Batches::Sizes(sizes))).map_err(Failure::usage)
}

/// A run that had nothing to do, or was not wanted.
pub const NOT_WANTED: u8 = exit::ABORTED;

/// The audience of a whole run.
pub fn whole(door: &Door) -> RefCell<Audience> {
    Audience::whole(&door.screen)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_sounds_like_a_secret_is_not_written_into_journals() {
        let typed = "deploy -e smtp_password=x -ekey=x --extra-vars=api_token=x -e title=x --yes";
        let words: Vec<String> = typed.split(' ').map(str::to_owned).collect();
        assert_eq!(
            masked(&words).join(" "),
            "deploy -e smtp_password=… -ekey=… --extra-vars=api_token=… -e title=x --yes"
        );
    }

    #[test]
    fn sizes_of_batches_are_counts_and_percentages() {
        let words = |text: &str| text.split(',').map(str::to_owned).collect::<Vec<_>>();
        assert!(
            matches!(batches(&words("1,10%,100%")), Ok(Some(Batches::Sizes(sizes))) if sizes.len() == 3)
        );
        assert!(matches!(batches(&[]), Ok(None)));
        for bad in ["0", "x", "101%", "1,,2"] {
            assert_eq!(batches(&words(bad)).expect_err(bad).code, exit::USAGE);
        }
    }
}
