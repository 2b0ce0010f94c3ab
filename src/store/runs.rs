//! The runs of a project: where their journals are, and what a list of them shows.

use std::{
    fs::{self, DirBuilder, File, Permissions, TryLockError},
    io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom},
    os::unix::fs::{DirBuilderExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use super::{Journal, StoreError, open_sites, parse};
use crate::{
    event::{Event, Header, SCHEMA, Stamped},
    model::{RunId, SiteName},
};

const JOURNAL: &str = "journal.jsonl";
/// More than one line of [`Event::RunFinished`] can have.
const TAIL: u64 = 64 * 1024;

/// Whether a run has come to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Its last event is there.
    Finished,
    /// It is not, and a fleetctl on this machine is still writing.
    Running,
    /// It is not, and nobody is.
    Interrupted,
}

/// A whole journal.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// What happened, in order.
    pub events: Vec<Stamped>,
    /// Whether the run ended.
    pub state: State,
}

/// A run, as a list shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct Brief {
    /// When it began, in milliseconds since the Unix epoch.
    pub at: u64,
    /// What it was.
    pub header: Header,
    /// [`Event::RunFinished`], if it ended.
    pub finished: Option<Event>,
    /// Whether it ended.
    pub state: State,
}

/// Runs that nobody finishes any more, and what could not be read about them.
#[derive(Debug, Default)]
pub struct Interrupted {
    /// The newest first, each with the sites that it left open.
    pub runs: Vec<(RunId, Vec<SiteName>)>,
    /// Journals that could not be read, or not to their end.
    pub troubles: Vec<StoreError>,
}

/// The `.fleetctl` directory of a project.
#[derive(Debug, Clone)]
pub struct Store {
    root: PathBuf,
}

impl Store {
    /// The store of the project in this directory. Nothing is read or made yet.
    #[must_use]
    pub fn of_project(project: &Path) -> Self {
        Self { root: project.join(".fleetctl") }
    }

    /// Its directory, for caches that live beside the journals.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Makes the store's directory, for the owner only, and keeps it out of git.
    ///
    /// # Errors
    /// When it cannot be made, or something else is in its place.
    pub fn prepare(&self) -> Result<(), StoreError> {
        let failed = |source| StoreError::Write { path: self.root.clone(), source };
        make_private(&self.root).map_err(failed)?;
        let ignore = self.root.join(".gitignore");
        if !ignore.exists() {
            fs::write(ignore, "*\n").map_err(failed)?;
        }
        Ok(())
    }

    /// Begins the journal of a new run.
    ///
    /// # Errors
    /// When it cannot be written, or there is a run with this identity.
    pub fn create(&self, run: &RunId) -> Result<Journal, StoreError> {
        self.prepare()?;
        let runs = self.root.join("runs");
        let dir = runs.join(run.as_str());
        let failed = |source| StoreError::Write { path: dir.clone(), source };
        make_private(&runs).map_err(failed)?;
        match DirBuilder::new().mode(0o700).create(&dir) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                return Err(StoreError::Exists(run.clone()));
            }
            made => made.map_err(failed)?,
        }
        let journal = Journal::create(&dir.join(JOURNAL))?;
        // The file's name must be as durable as its lines.
        for dir in [&dir, &runs] {
            File::open(dir).and_then(|dir| dir.sync_all()).map_err(failed)?;
        }
        Ok(journal)
    }

    /// All runs, the oldest first.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn runs(&self) -> Result<Vec<RunId>, StoreError> {
        let path = self.root.join("runs");
        let entries = match fs::read_dir(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(|source| StoreError::Read { path: path.clone(), source })?,
        };
        let mut runs = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|source| StoreError::Read { path: path.clone(), source })?;
            if let Some(run) = entry.file_name().to_str().and_then(|name| RunId::new(name).ok()) {
                runs.push(run);
            }
        }
        runs.sort();
        Ok(runs)
    }

    /// Reads a whole journal.
    ///
    /// # Errors
    /// When there is no such run, or its journal cannot be read, is damaged, or is of a newer
    /// form.
    pub fn read(&self, run: &RunId) -> Result<Reading, StoreError> {
        let (path, mut file) = self.open(run)?;
        // Asked before reading: a run that ends in between is then read to its end.
        let running = is_locked(&file);
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)
            .map_err(|source| StoreError::Read { path: path.clone(), source })?;
        check_schema(&path, &bytes)?;
        let parsed = parse(&bytes).map_err(|(line, why, before)| StoreError::Corrupt {
            path,
            line,
            why,
            before,
        })?;
        let state = state(parsed.events.last().map(|last| &last.event), running);
        Ok(Reading { events: parsed.events, state })
    }

    /// Reads the first and the last line of a journal. `None` when not even the first was
    /// written whole: then nothing was begun.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn brief(&self, run: &RunId) -> Result<Option<Brief>, StoreError> {
        let (path, mut file) = self.open(run)?;
        let running = is_locked(&file);
        let (first, last) =
            ends(&mut file).map_err(|source| StoreError::Read { path: path.clone(), source })?;
        if first.last() != Some(&b'\n') {
            return Ok(None);
        }
        check_schema(&path, &first)?;
        let corrupt = |why: String| StoreError::Corrupt {
            path: path.clone(),
            line: 1,
            why,
            before: Vec::new(),
        };
        let first: Stamped =
            serde_json::from_slice(&first).map_err(|error| corrupt(error.to_string()))?;
        let Event::RunStarted(header) = first.event else {
            return Err(corrupt("it does not begin with `run_started`".to_owned()));
        };
        let last = serde_json::from_slice::<Stamped>(&last).ok().map(|last| last.event);
        let finished = last.filter(|event| matches!(event, Event::RunFinished { .. }));
        let state = state(finished.as_ref(), running);
        Ok(Some(Brief { at: first.at, header, finished, state }))
    }

    /// Interrupted runs that left sites open. A journal that cannot be read hides no other.
    ///
    /// # Errors
    /// When the list of runs cannot be read.
    pub fn interrupted(&self) -> Result<Interrupted, StoreError> {
        let mut found = Interrupted::default();
        for run in self.runs()?.into_iter().rev() {
            match self.open_sites_of(&run) {
                Ok(sites) if sites.is_empty() => {}
                Ok(sites) => found.runs.push((run, sites)),
                Err(error) => {
                    // What was whole still says where to look.
                    if let StoreError::Corrupt { before, .. } = &error {
                        let sites: Vec<SiteName> = open_sites(before).into_keys().collect();
                        found.runs.extend((!sites.is_empty()).then_some((run, sites)));
                    }
                    found.troubles.push(error);
                }
            }
        }
        Ok(found)
    }

    /// The sites that a run left open, if it was interrupted.
    fn open_sites_of(&self, run: &RunId) -> Result<Vec<SiteName>, StoreError> {
        match self.brief(run)? {
            Some(brief) if brief.state == State::Interrupted => {
                Ok(open_sites(&self.read(run)?.events).into_keys().collect())
            }
            _ => Ok(Vec::new()),
        }
    }

    fn open(&self, run: &RunId) -> Result<(PathBuf, File), StoreError> {
        let path = self.root.join("runs").join(run.as_str()).join(JOURNAL);
        match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(StoreError::Unknown(run.clone()))
            }
            Err(source) => Err(StoreError::Read { path, source }),
            Ok(file) => Ok((path, file)),
        }
    }
}

/// The first line, and the last whole one.
fn ends(file: &mut File) -> io::Result<(Vec<u8>, Vec<u8>)> {
    let mut first = Vec::new();
    BufReader::new(&mut *file).read_until(b'\n', &mut first)?;
    let length = file.seek(SeekFrom::End(0))?;
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
    let mut tail = Vec::new();
    file.take(TAIL).read_to_end(&mut tail)?;
    let last = tail.split_inclusive(|byte| *byte == b'\n').rfind(|line| line.ends_with(b"\n"));
    Ok((first, last.unwrap_or_default().to_vec()))
}

/// A newer form may have events that this one cannot read, so the schema is looked at first.
fn check_schema(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    #[derive(serde::Deserialize)]
    struct Schema {
        schema: u32,
    }
    let first = bytes.split_inclusive(|byte| *byte == b'\n').next().unwrap_or_default();
    match serde_json::from_slice::<Schema>(first) {
        Ok(Schema { schema }) if schema > SCHEMA => {
            Err(StoreError::Newer { path: path.to_owned(), schema })
        }
        _ => Ok(()),
    }
}

const fn state(last: Option<&Event>, running: bool) -> State {
    match last {
        Some(Event::RunFinished { .. }) => State::Finished,
        _ if running => State::Running,
        _ => State::Interrupted,
    }
}

fn is_locked(file: &File) -> bool {
    // A shared lock that we got is given back when the file is closed.
    matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
}

fn make_private(dir: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(dir) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        made => return made,
    }
    let found = fs::symlink_metadata(dir)?;
    if !found.is_dir() {
        return Err(io::Error::other("something else than a directory is in its place"));
    }
    if found.permissions().mode() & 0o077 != 0 {
        fs::set_permissions(dir, Permissions::from_mode(0o700))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::event::Step;

    fn run(name: &str) -> RunId {
        name.parse().unwrap()
    }

    fn events(run: &RunId, rest: Vec<Event>) -> Vec<Stamped> {
        let header = Header {
            schema: SCHEMA,
            run: run.clone(),
            verb: "deploy".into(),
            command: "fleetctl deploy".into(),
            person: "ana@laptop".into(),
            environment: "production".into(),
            commit: None,
            dirty: false,
            pins: BTreeMap::new(),
            sites: vec!["acme.example".parse().unwrap()],
        };
        let all = std::iter::once(Event::RunStarted(header)).chain(rest);
        (0..).zip(all).map(|(index, event)| Stamped { at: 5, index, event }).collect()
    }

    fn finished() -> Event {
        Event::RunFinished { counts: BTreeMap::new(), code: 0, took: 7 }
    }

    fn stage() -> Event {
        let site = "acme.example".parse().unwrap();
        Event::StepStarted { site, step: Step::Stage, release: None }
    }

    #[test]
    fn a_run_is_running_then_interrupted_or_finished() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::of_project(dir.path());
        let id = run("20261120-a");
        let mut journal = store.create(&id).unwrap();
        assert!(store.brief(&id).unwrap().is_none(), "nothing was begun");
        let all = events(&id, vec![stage(), finished()]);
        journal.append(&all[..2]).unwrap();
        assert_eq!(store.brief(&id).unwrap().unwrap().state, State::Running);
        assert_eq!(store.interrupted().unwrap().runs, []);
        drop(journal);
        let reading = store.read(&id).unwrap();
        assert_eq!((reading.state, reading.events), (State::Interrupted, all[..2].to_vec()));
        let open = store.interrupted().unwrap().runs;
        assert_eq!(open, [(id.clone(), vec!["acme.example".parse().unwrap()])]);
        assert!(matches!(store.create(&id), Err(StoreError::Exists(_))));
        assert!(matches!(store.read(&run("x")), Err(StoreError::Unknown(_))));

        let done = run("20261120-b");
        store.create(&done).unwrap().append(&events(&done, vec![stage(), finished()])).unwrap();
        let brief = store.brief(&done).unwrap().unwrap();
        assert_eq!((brief.state, brief.finished, brief.at), (State::Finished, Some(finished()), 5));
        assert_eq!(store.runs().unwrap(), [id, done]);
    }

    #[test]
    fn everything_is_for_the_owner_only_and_stays_out_of_git() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join(".fleetctl")).unwrap();
        fs::set_permissions(dir.path().join(".fleetctl"), Permissions::from_mode(0o755)).unwrap();
        let store = Store::of_project(dir.path());
        store.create(&run("r")).unwrap();
        for path in ["", "runs", "runs/r"] {
            let mode = fs::metadata(store.root().join(path)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o700, "{path}");
        }
        assert_eq!(fs::read_to_string(store.root().join(".gitignore")).unwrap(), "*\n");
    }

    #[test]
    fn a_damaged_journal_is_reported_and_left_and_hides_no_other() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::of_project(dir.path());
        let (good, bad, newer) = (run("a"), run("b"), run("c"));
        store.create(&good).unwrap().append(&events(&good, vec![stage()])).unwrap();
        store.create(&bad).unwrap().append(&events(&bad, vec![stage()])).unwrap();
        let path = store.root().join("runs/b/journal.jsonl");
        let mut bytes = fs::read(&path).unwrap();
        bytes.extend(b"garbage\n");
        fs::write(&path, &bytes).unwrap();
        let Interrupted { runs, troubles } = store.interrupted().unwrap();
        assert_eq!(runs.len(), 2, "the whole lines of the damaged one count too");
        assert!(troubles[0].to_string().contains("journal.jsonl:3: "), "{}", troubles[0]);
        assert_eq!(fs::read(&path).unwrap(), bytes);

        let later = [r#"{"at":0,"index":0,"event":"run_began","schema":9}"#, "\n"].concat();
        store.create(&newer).unwrap();
        fs::write(store.root().join("runs/c/journal.jsonl"), later).unwrap();
        assert!(matches!(store.read(&newer), Err(StoreError::Newer { schema: 9, .. })));
    }

    #[test]
    fn a_place_that_cannot_be_written_is_an_error_before_anything_begins() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(".fleetctl"), "").unwrap();
        let error = Store::of_project(dir.path()).create(&run("r")).unwrap_err().to_string();
        assert!(error.contains("something else than a directory"), "{error}");
        let error = Store::of_project(Path::new("/proc/none")).create(&run("r")).unwrap_err();
        assert!(matches!(error, StoreError::Write { .. }), "{error}");
    }
}
