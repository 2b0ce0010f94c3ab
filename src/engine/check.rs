//! One attempt of a gate: an HTTP request, a TCP connection, a command.
//!
//! An HTTP gate is spoken by us over the SSH connection to 127.0.0.1 on the host, with the
//! site's name in Host and SNI, so that it asks the very server that was just changed and not a
//! cache in front of it. Where the host forwards no ports, curl or wget there do it instead.

use std::time::Duration;

use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::{Request, body::Bytes, client::conn::http1};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, time::timeout};

use super::{
    host::{Host, Rights},
    tls,
    url::Url,
};
use crate::{
    event::one_line,
    resource::{Check, GateSpec, HttpCheck, Vantage},
    rollout::gate::Health,
    shell::{Part, quote},
    transport::{Stream, TransportError},
};

/// How much of a page is read when looking for a text.
const PAGE: usize = 1 << 20;

/// What an attempt showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Whether it is what the gate asks for.
    pub ok: bool,
    /// What it says of the site's health, for comparison with before.
    pub health: Health,
    /// One line for people.
    pub detail: String,
}

impl Seen {
    fn broken(detail: impl Into<String>) -> Self {
        Self { ok: false, health: Health::NoAnswer, detail: one_line(&detail.into()) }
    }
}

/// Makes one attempt.
pub async fn attempt(host: &Host, url: &Url, gate: &GateSpec) -> Seen {
    let attempt = async {
        match &gate.check {
            Check::Http(check) => http(host, url, check, gate.timeout).await,
            Check::Tcp { from, port } => tcp(host, url, *from, *port).await,
            Check::Command(text) => command(host, text, gate.timeout).await,
        }
    };
    // The command has a deadline of its own on the host; a little more lets it tell.
    timeout(gate.timeout + Duration::from_secs(1), attempt)
        .await
        .unwrap_or_else(|_| Seen::broken(format!("no answer within {:?}", gate.timeout)))
}

async fn http(host: &Host, url: &Url, check: &HttpCheck, patience: Duration) -> Seen {
    let stream: Stream = match check.from {
        Vantage::Control => match TcpStream::connect((url.host.as_str(), url.port)).await {
            Ok(stream) => Box::new(stream),
            Err(why) => return Seen::broken(format!("{}:{}: {why}", url.host, url.port)),
        },
        Vantage::Host => {
            let transport = match host.line.open().await {
                Ok(transport) => transport,
                Err(why) => return Seen::broken(why.to_string()),
            };
            match transport.connect_tcp("127.0.0.1", url.port).await {
                Ok(stream) => stream,
                Err(TransportError::ChannelRefused(why)) if why.contains("not allowed") => {
                    return over_there(host, url, check, patience).await;
                }
                Err(why) => {
                    if matches!(why, TransportError::Lost { .. }) {
                        host.line.forget(&transport).await;
                    }
                    return Seen::broken(why.to_string());
                }
            }
        }
    };
    let asked = if url.secure {
        // On the host the certificate is not judged: the connection already is, by its SSH key,
        // and behind a proxy the host's own certificate is often a private one.
        match tls::wrap(stream, &url.host, check.from == Vantage::Control).await {
            Ok(stream) => ask(stream, url, check).await,
            Err(why) => return Seen::broken(format!("TLS: {why}")),
        }
    } else {
        ask(stream, url, check).await
    };
    match asked {
        Ok((status, body)) => judge(check, status, &body),
        Err(why) => Seen::broken(why),
    }
}

async fn ask(stream: Stream, url: &Url, check: &HttpCheck) -> Result<(u16, String), String> {
    let text = |why: hyper::Error| why.to_string();
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(text)?;
    let driven = tokio::spawn(connection);
    let mut request = Request::get(&check.path)
        .header("host", url.authority())
        .header("user-agent", concat!("fleetctl/", env!("CARGO_PKG_VERSION")))
        .header("connection", "close");
    for (name, value) in &check.headers {
        request = request.header(name, value);
    }
    let request = request.body(Empty::<Bytes>::new()).map_err(|why| why.to_string())?;
    let answer = sender.send_request(request).await.map_err(text)?;
    let status = answer.status().as_u16();
    let mut page = String::new();
    if check.contains.is_some() {
        let body = Limited::new(answer.into_body(), PAGE).collect().await;
        let body = body.map_err(|why| format!("status {status}, and its body: {why}"))?;
        page = String::from_utf8_lossy(&body.to_bytes()).into_owned();
    }
    driven.abort();
    Ok((status, page))
}

fn judge(check: &HttpCheck, status: u16, page: &str) -> Seen {
    let health = Health::Status(status);
    if !check.status.allows(status) {
        return Seen { ok: false, health, detail: format!("status {status}") };
    }
    match &check.contains {
        Some(text) if !page.contains(text.as_str()) => {
            Seen { ok: false, health, detail: format!("status {status}, but without {text:?}") }
        }
        _ => Seen { ok: true, health, detail: format!("status {status}") },
    }
}

/// The request made by a program on the host.
async fn over_there(host: &Host, url: &Url, check: &HttpCheck, patience: Duration) -> Seen {
    let scheme = if url.secure { "https" } else { "http" };
    let there = format!("{scheme}://{}{}", url.authority(), check.path);
    let local = format!("{scheme}://127.0.0.1:{}{}", url.port, check.path);
    let headers: Vec<String> =
        check.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    let seconds = patience.as_secs().max(1);
    let curl = headers.iter().map(|header| format!("-H {}", quote(header))).collect::<Vec<_>>();
    let wget = headers.iter().map(|header| format!("--header {}", quote(header)));
    let lines = [
        "if command -v curl >/dev/null 2>&1; then".to_owned(),
        format!(
            "curl -sk -o - -w '\\n%{{http_code}}\\n' -m {seconds} --resolve {} {} {} | tail -c 100000 | block page",
            quote(&format!("{}:{}:127.0.0.1", url.host, url.port)),
            curl.join(" "),
            quote(&there)
        ),
        "elif command -v wget >/dev/null 2>&1; then".to_owned(),
        format!(
            "{{ wget -q -T {seconds} -O - --header {} {} {} && printf '\\n200\\n'; }} | tail -c 100000 | block page",
            quote(&format!("Host: {}", url.authority())),
            wget.collect::<Vec<_>>().join(" "),
            quote(&local)
        ),
        "else fail tools 'the host forwards no ports, and has neither curl nor wget'; fi"
            .to_owned(),
    ];
    let deadline = patience + Duration::from_secs(2);
    let answer = host
        .run(Rights::Owner, &[], deadline, |marker| {
            crate::shell::Script::new(marker, []).line(&lines.join("\n"))
        })
        .await;
    let answer = match answer {
        Ok(answer) => answer,
        Err(why) => return Seen::broken(why.to_string()),
    };
    let page = String::from_utf8_lossy(answer.frame.block("page").unwrap_or_default()).into_owned();
    let (body, code) = page.trim_end().rsplit_once('\n').unwrap_or(("", page.trim_end()));
    match code.parse::<u16>() {
        Ok(status) if status > 0 => judge(check, status, body),
        _ => Seen::broken("no answer (asked by a program on the host)"),
    }
}

async fn tcp(host: &Host, url: &Url, from: Vantage, port: u16) -> Seen {
    let answered = match from {
        Vantage::Control => TcpStream::connect((url.host.as_str(), port))
            .await
            .map(drop)
            .map_err(|why| why.to_string()),
        Vantage::Host => match host.line.open().await {
            Ok(transport) => transport
                .connect_tcp("127.0.0.1", port)
                .await
                .map(drop)
                .map_err(|why| why.to_string()),
            Err(why) => Err(why.to_string()),
        },
    };
    match answered {
        Ok(()) => Seen {
            ok: true,
            health: Health::Status(200),
            detail: format!("port {port} accepts connections"),
        },
        Err(why) => Seen::broken(why),
    }
}

async fn command(host: &Host, text: &str, patience: Duration) -> Seen {
    let seconds = patience.as_secs().max(1);
    let line = format!("command_of gate {seconds} {}", quote(text));
    let deadline = patience + Duration::from_secs(7);
    let ended = host
        .run(Rights::Owner, &[], deadline, |marker| {
            crate::shell::Script::new(marker, []).part(Part::Command).line(&line)
        })
        .await;
    match ended {
        Ok(_) => Seen { ok: true, health: Health::Status(200), detail: "exit status 0".to_owned() },
        Err(why) => {
            let said = why.tail().last().map_or(String::new(), |line| format!(": {line}"));
            Seen::broken(format!("{why}{said}"))
        }
    }
}
