//! What a deploy costs on the wire, in bytes and in round trips.

use std::time::Duration;

use fleetctl::{engine::url::Url, model::Outcome, resource::GateSpec};

use super::kit::{Bench, Run, noise, wanted};
use crate::support::proxy::{Proxy, Wire};

/// A site of 1,000 files in 40 directories; `changed` of them in their second version.
fn thousand(changed: usize) -> Vec<(String, Vec<u8>)> {
    (0..1000_usize)
        .map(|n| {
            let version = u64::from(n % 200 == 7 && n / 200 < changed);
            let text = noise(n as u64 * 2 + version, 600);
            (format!("public/assets/section-{:02}/file-{n:04}.js", n % 40), text)
        })
        .collect()
}

/// The round trips that somebody waited for: the TCP handshake is one more than the wire sees,
/// and behind the last answer come farewells, for which nobody waits.
fn round_trips(wire: &Wire) -> u64 {
    wire.round_trips() + wire.connections() - 1
}

#[tokio::test]
async fn five_changed_files_of_a_thousand_cost_14_kb_and_14_round_trips() {
    let bench = Bench::start("static=a");
    bench.site("a");
    let cache = tempfile::tempdir().unwrap();
    let wire = async || {
        let delay = Duration::from_millis(40);
        Proxy::to_address(bench.address()).delay(delay).start().await
    };
    let run = |wire: u16, wanted, baseline| Run {
        cache: Some(cache.path().to_owned()),
        gates: vec![GateSpec { baseline, ..GateSpec::default() }],
        url: Url::of_name("a"),
        ..Run::new(bench.dial(Some(wire)), wanted)
    };
    let first = wire().await;
    let release = wanted("a", &thousand(0), &["_features"]);
    run(first.port(), &release, false).go().await.expect(Outcome::Changed);
    println!("first deploy: {} bytes up, {} round trips", first.up(), round_trips(&first));

    let second = wire().await;
    let release = wanted("a", &thousand(5), &["_features"]);
    run(second.port(), &release, false).go().await.expect(Outcome::Changed);
    let trips = round_trips(&second);
    println!("redeploy: {} bytes up, {} down, {trips} round trips", second.up(), second.down());
    bench.assert_whole("a");

    // Compared with before, which is asked while contents travel: what is more is the closing of
    // that channel, for which nobody waits.
    let third = wire().await;
    let release = wanted("a", &thousand(0), &["_features"]);
    run(third.port(), &release, true).go().await.expect(Outcome::Changed);
    let compared = round_trips(&third);

    let idle = wire().await;
    run(idle.port(), &release, true).go().await.expect(Outcome::Unchanged);
    let rest = round_trips(&idle);
    println!("nothing to do: {} bytes up, {} down, {rest} round trips", idle.up(), idle.down());
    assert!(second.up() <= 14 * 1024, "{}", second.up());
    assert!(trips <= 14, "{trips}");
    assert!(compared <= 15, "{compared}");
    assert!(rest <= 8, "{rest}");
}
