//! Hosts that swallow everything: they cost their deadline, and only theirs.

use std::{
    fmt::Write as _,
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use super::{
    project::{Member, Project, settings},
    sight::{assert_confirmed, standing},
};

const SITES: [&str; 4] = ["z1", "z2", "z3", "z4"];

/// A port whose queue is full: the kernel drops what else knocks there.
struct Blackhole {
    port: u16,
    _listener: tokio::net::TcpListener,
    _queue: Vec<TcpStream>,
}

impl Blackhole {
    fn open() -> Self {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = socket.listen(1).unwrap();
        let address: SocketAddr = listener.local_addr().unwrap();
        let mut queue = Vec::new();
        while let Ok(one) = TcpStream::connect_timeout(&address, Duration::from_millis(300)) {
            queue.push(one);
            assert!(queue.len() < 50, "the queue never fills");
        }
        Self { port: address.port(), _listener: listener, _queue: queue }
    }
}

#[tokio::test]
async fn a_host_that_swallows_connections_costs_one_connect_timeout_and_delays_nobody() {
    let hole = Blackhole::open();
    let project = Project::new(&SITES.map(|site| Member::new(site, &["forms"])));
    let alone = project.run(&["deploy", "--yes"]).expect(0).took;
    let mut sites = project.read("inventory/sites.yml");
    let port = hole.port;
    writeln!(sites, "  hole: {{ address: 127.0.0.1, port: {port}, groups: [static, forms] }}")
        .unwrap();
    project.write("inventory/sites.yml", &sites);
    project.write("fleet.yml", &settings("  connect_timeout: 3s\n"));
    project.playbook("    batches: [100%]\n    budget: { unreachable: 1 }\n");
    let ran = project.run(&["deploy", "--yes", "-e", "contact_heading=Hello"]).expect(8);
    ran.says("4 changed").says("1 unreachable").says("hole").says("3");
    let limit = Duration::from_secs(3) + alone + Duration::from_secs(2);
    assert!(ran.took < limit, "{alone:?} alone, then {ran}");
    println!("{:.1?} without it, {:.1?} with it and a connect timeout of 3 s", alone, ran.took);
    for site in SITES {
        assert_confirmed(site);
    }
    // Beyond the budget nothing is sent anywhere.
    project.playbook("    batches: [100%]\n    budget: { unreachable: 0 }\n");
    let before = SITES.map(standing);
    project.run(&["deploy", "--yes", "-e", "contact_heading=Again"]).expect(8).says("not_started");
    assert_eq!(SITES.map(standing), before);
}
