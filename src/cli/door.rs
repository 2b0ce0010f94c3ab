//! What every verb needs: the flags, the screen, the project and its inventory.

use std::{collections::BTreeSet, env, future::Future, path::PathBuf};

use super::{Failure, Global, Screen, exit};
use crate::{
    inventory::{Inventory, Site, Target, select},
    model::{FeatureName, Problem, SiteName},
    project::{Environment, Project, Surroundings},
    report::{Line, Tone},
};

/// The flags, the screen and the surroundings of a command.
pub struct Door {
    /// The flags of every verb.
    pub global: Global,
    /// Where it speaks.
    pub screen: Screen,
    around: Surroundings,
}

impl Door {
    /// Looks around once.
    pub fn new(global: Global, screen: Screen) -> Self {
        let around = Surroundings {
            directory: env::current_dir().unwrap_or_default(),
            home: env::home_dir(),
            inventories: global.inventory.clone(),
            is_ci: env::var_os("CI").is_some_and(|value| !value.is_empty()),
        };
        Self { global, screen, around }
    }

    /// A path as the person typed it.
    pub fn path(&self, typed: impl AsRef<std::path::Path>) -> PathBuf {
        self.around.directory.join(typed)
    }

    /// The project that is meant.
    ///
    /// # Errors
    /// No project, and everything wrong with its settings.
    pub fn project(&self) -> Result<Project, Failure> {
        Project::open(self.global.project.as_deref(), &self.around).map_err(|problems| {
            // That there is none is a matter of where one stands, not of what is written.
            let is_missing =
                problems.0.iter().all(|p| p.at.is_none() && p.message.contains("no fleet.yml"));
            if is_missing { Failure::usage(problems) } else { problems.into() }
        })
    }

    /// Tells of what was read and cannot be honoured, or may be a slip.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn tell_notes(&self, notes: &[Problem]) -> std::io::Result<()> {
        notes.iter().try_for_each(|note| self.tell_note(note))
    }

    /// Tells one note, unless only results are wanted.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn tell_note(&self, note: &Problem) -> std::io::Result<()> {
        for (text, place) in note.to_string().lines().zip(0..) {
            let mark = if place == 0 { "note: " } else { "" };
            self.screen.note(&Line::of(Tone::Warn, mark).add(Tone::Plain, text))?;
        }
        Ok(())
    }

    /// The environment that is meant.
    ///
    /// # Errors
    /// A name that fleet.yml does not have.
    pub fn environment<'a>(&self, project: &'a Project) -> Result<&'a Environment, Failure> {
        project.settings.environment(self.global.env.as_deref()).map_err(Failure::usage)
    }

    /// Whether to go on: `--yes`, or somebody who says so.
    ///
    /// # Errors
    /// When there is nobody to ask.
    pub fn agreed(&self, question: &str) -> Result<bool, Failure> {
        if self.global.yes {
            return Ok(true);
        }
        if !self.screen.is_interactive() {
            let problem = Problem::new("this needs a yes, and there is no terminal to ask at");
            return Err(Failure::usage(problem.hint("add --yes if you mean it")));
        }
        let answer = self.screen.ask(&format!("{question} [y/N]"))?;
        Ok(matches!(answer.to_ascii_lowercase().as_str(), "y" | "yes"))
    }
}

/// The sites meant, by what the inventory says they want.
///
/// # Errors
/// Words that match nothing: exit code 2.
pub fn selected(inventory: &Inventory, target: &Target) -> Result<Vec<SiteName>, Failure> {
    selected_by(inventory, target, &|site| {
        site.wants.iter().map(|want| want.feature.clone()).collect()
    })
}

/// The sites meant, by what somebody else knows that they have.
///
/// # Errors
/// As for [`selected`].
pub fn selected_by(
    inventory: &Inventory,
    target: &Target,
    features_of: &dyn Fn(&Site) -> BTreeSet<FeatureName>,
) -> Result<Vec<SiteName>, Failure> {
    select(inventory, target, features_of)
        .map_err(|problems| Failure { code: exit::USAGE, problems })
}

/// Waits for what needs the network.
///
/// # Errors
/// When this machine lets nobody wait, and what the future says.
pub fn wait<T>(future: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|why| Failure::internal(format!("no runtime: {why}")))?;
    let done = runtime.block_on(future);
    // A name lookup that hangs must not hold up the prompt.
    runtime.shutdown_background();
    done
}
