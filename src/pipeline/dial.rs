//! How each site is reached: from what the inventory says, and from `ssh -G` for what it does not.

use std::{path::PathBuf, sync::Arc, time::Duration};

use super::Fleet;
use crate::{
    engine::line::Way,
    inventory::{SecretRef, Site},
    model::{Problem, Problems},
    transport::{
        host_key::LookupName,
        ssh::{Dial, Keys, Passphrase, Timeouts},
        ssh_config::{self, Ask, Here},
    },
};

impl Fleet {
    /// How a site's host is reached. `ssh -G` is asked when the site lacks an address, a user or
    /// a key, as the system's ssh would be.
    ///
    /// # Errors
    /// When `ssh` is needed and cannot tell, or a jump host is not one.
    pub async fn way(&self, site: &Site, here: &Here) -> Result<Way, Problems> {
        let general = &self.project.settings.ssh;
        let mut settings = general.site.clone();
        settings.overlay(&site.settings);
        let host = site.address.as_deref().unwrap_or(site.name.as_str());
        let wrong =
            |why: String| Problems::from(Problem::at(&site.at, format!("{}: {why}", site.name)));
        let known_hosts = self.known_hosts(here);
        let is_told =
            site.address.is_some() && settings.user.is_some() && !settings.identity.is_empty();
        let mut dial = if is_told {
            let user = settings.user.clone().unwrap_or_default();
            Dial::new(host, settings.port.unwrap_or(22), &user)
        } else {
            let ask = Ask { file: None, user: settings.user.clone(), port: settings.port };
            let mut dial =
                ssh_config::dial(host, &ask, here).await.map_err(|why| wrong(why.to_string()))?;
            // What the inventory says of the address is stronger than an alias in ssh_config.
            if dial.address == host {
                dial.name = LookupName::host(host, dial.port);
            }
            dial
        };
        if !settings.identity.is_empty() {
            dial.identities = settings.identity.iter().map(|key| self.project.path(key)).collect();
        }
        for hop in settings.jump.iter().flat_map(|jump| jump.split(',')) {
            let (user, place) =
                hop.split_once('@').map_or((None, hop), |(user, place)| (Some(user), place));
            let (name, port) = match place.rsplit_once(':') {
                Some((name, port)) if !name.contains(':') || name.ends_with(']') => (
                    name.trim_start_matches('[').trim_end_matches(']'),
                    Some(port.parse().map_err(|_| wrong(format!("{hop:?} is no jump host")))?),
                ),
                _ => (place, None),
            };
            let ask = Ask { file: None, user: user.map(str::to_owned), port };
            let mut through =
                ssh_config::dial(name, &ask, here).await.map_err(|why| wrong(why.to_string()))?;
            self.complete(&mut through, &known_hosts, here);
            if !settings.identity.is_empty() {
                through.identities.clone_from(&dial.identities);
            }
            dial.jump.push(through);
        }
        self.complete(&mut dial, &known_hosts, here);
        Ok(Way::Ssh(Box::new(dial)))
    }

    fn complete(&self, dial: &mut Dial, known_hosts: &[PathBuf], here: &Here) {
        let settings = &self.project.settings.ssh;
        let mut files = known_hosts.to_vec();
        files.extend(dial.known_hosts.drain(..).filter(|file| !known_hosts.contains(file)));
        dial.known_hosts = files;
        dial.timeouts = Timeouts { connect: settings.connect_timeout, ..Timeouts::default() };
        dial.agent =
            if settings.agent { dial.agent.take().or_else(|| here.agent.clone()) } else { None };
    }

    /// The project's own file first, then those that ssh itself reads (`UserKnownHostsFile` and `GlobalKnownHostsFile` in
    /// `ssh_config(5)`).
    fn known_hosts(&self, here: &Here) -> Vec<PathBuf> {
        let mut files = self.project.known_hosts(&self.environment);
        files.push(here.home.join(".ssh/known_hosts"));
        files.push("/etc/ssh/ssh_known_hosts".into());
        files
    }

    /// The private keys of all these ways, read and decrypted once.
    pub async fn keys(&self, ways: impl IntoIterator<Item = &Way>) -> Arc<Keys> {
        let mut paths: Vec<PathBuf> = Vec::new();
        for way in ways {
            if let Way::Ssh(dial) = way {
                paths.extend(dial.identities.iter().cloned());
                paths.extend(dial.jump.iter().flat_map(|hop| hop.identities.iter().cloned()));
            }
        }
        let passphrase = self.project.settings.ssh.passphrase.as_ref().map(|source| match source {
            SecretRef::Env(name) => Passphrase::Variable(name.clone()),
            SecretRef::Command(argv) => Passphrase::Command(argv.clone()),
            SecretRef::File(path) => {
                let path = self.project.path(path).display().to_string();
                Passphrase::Command(vec!["cat".to_owned(), "--".to_owned(), path])
            }
        });
        Arc::new(Keys::load(paths, passphrase.as_ref()).await)
    }

    /// How long a command on a host may take.
    #[must_use]
    pub const fn patience(&self) -> Duration {
        self.project.settings.ssh.command_timeout
    }
}
