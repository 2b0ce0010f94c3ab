//! `exec`: one command everywhere; equal outputs are told once.

use super::{
    Door, Failure, Outcome,
    audience::attended,
    door::wait,
    flags::{HostFlags, TargetFlags},
    visit::{self, Visit, interrupted},
};
use crate::{event::Stamped, model::Problem, rollout::exit_code, shell::command_line};

/// Run a command at sites: fleetctl exec --group wordpress -- wp core version
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    target: TargetFlags,
    #[command(flatten)]
    hosts: HostFlags,
    /// The command is a line for the shell, with pipes and all
    #[arg(long)]
    shell: bool,
    /// The command and its arguments, each passed on as it is
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<String>,
}

/// Runs it.
pub fn run(args: &Args, door: &Door) -> Outcome {
    let line = if args.shell { args.command.join(" ") } else { quoted(&args.command)? };
    if line.contains('\0') {
        return Err(Failure::usage(Problem::new("a command cannot hold a NUL")));
    }
    let fleet = visit::fleet(door, &args.hosts, &[])?;
    wait(async {
        let visit = Visit::reading(door, &fleet, &args.target.target()).await?;
        let audience = visit::whole(door);
        let mut out = |events: &[Stamped]| audience.borrow_mut().hear(events);
        let mut session = visit.session("exec", &mut out).await?;
        audience.borrow_mut().begin_journal(&visit.store(), &visit.identity.run)?;
        let ran = attended(&audience, session.exec(&line, fleet.patience())).await;
        let code = match ran {
            Ok((outcomes, flags)) => {
                let code = exit_code(outcomes.values().copied(), flags);
                Ok(session.conclude_all(outcomes, code).code)
            }
            Err(signal) => Err(interrupted(signal)),
        };
        session.close().await;
        audience.borrow_mut().pause();
        code
    })
}

/// Each word as it is. One word with blanks is most likely meant for a shell.
fn quoted(words: &[String]) -> Result<String, Failure> {
    if let [only] = words
        && only.trim().contains(char::is_whitespace)
    {
        let problem = Problem::new(format!("there is no program named `{only}`"));
        let hint = "leave out the quotes, or add --shell for a line with pipes and redirections";
        return Err(Failure::usage(problem.hint(hint)));
    }
    Ok(command_line(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_arrive_as_they_were_typed() {
        let words = |text: &[&str]| text.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        assert_eq!(quoted(&words(&["echo", "a b", "$(id)"])).unwrap(), "echo 'a b' '$(id)'");
        assert_eq!(quoted(&words(&["uptime"])).unwrap(), "uptime");
        assert!(quoted(&words(&["ls | wc -l"])).is_err());
    }
}
