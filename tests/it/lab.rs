//! The lab itself: what the fleet tests rest on must be true.

use std::time::{Duration, Instant};

use crate::support::lab::{Lab, Spec};

fn stdout(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

#[test]
fn two_hosts_do_not_see_each_others_files() {
    let lab = Lab::start(&Spec::new().host("one", "").host("two", ""));
    for place in ["/etc", "/srv", "/var/www", "/tmp", "/home/deploy", "/usr/bin"] {
        let mark = format!("{place}/fleetctl-lab-mark");
        lab.exec("one", &format!("echo from one > {mark}"));
        assert_eq!(lab.exec("one", &format!("cat {mark}")), "from one\n");
        assert!(!lab.try_exec("two", &format!("test -e {mark}")).status.success(), "{place}");
        assert!(!std::path::Path::new(&mark).exists(), "{mark} came out of its host");
    }
    assert_ne!(lab.exec("one", "cat /etc/machine-id"), lab.exec("two", "cat /etc/machine-id"));
    assert_eq!(lab.hosts().len(), 2);
}

#[test]
fn a_host_sees_nothing_of_this_machines_homes_and_keys() {
    let lab = Lab::start(&Spec::new().host("one", ""));
    assert_eq!(lab.exec("one", "ls -A /root; ls /home; ls -A /tmp; ls /etc/ssh/*_key"), {
        "deploy\n/etc/ssh/ssh_host_ed25519_key\n"
    });
    assert!(
        !lab.try_exec("one", &format!("test -e {}", env!("CARGO_MANIFEST_DIR"))).status.success()
    );
    assert_eq!(stdout(&lab.ssh("one", "sudo id -u; id -un")), "0\ndeploy");
}

#[test]
fn pages_come_through_nginx_and_php_and_hooks() {
    let lab = Lab::start(&Spec::new().host("box", "wordpress,static=plain,react=app"));
    lab.exec(
        "box",
        r#"cd /var/www/box/wp-content && mkdir mu-plugins &&
        echo "<?php add_action('wp_footer', function () { echo '<p>hooked</p>'; });" > mu-plugins/x.php &&
        mkdir /srv/public && ln -s /srv/public /var/www/plain/_features &&
        echo 'loaded();' > /srv/public/loader.js && echo '<?= 6 * 7;' > /srv/public/answer.php"#,
    );
    let page = lab.get("box", "/");
    assert_eq!(page.status, 200);
    assert!(page.body.contains("<p>hooked</p>"), "{}", page.body);
    assert_eq!(lab.get("plain", "/_features/loader.js").body, "loaded();\n");
    assert_eq!(lab.get("plain", "/_features/answer.php").body, "42");
    assert_eq!(lab.get("app", "/some/route").status, 200);
    assert_eq!(lab.get("app", "/_features/loader.js").status, 404);
    assert_eq!(lab.post("plain", "/_features/answer.php", "a=b").body, "42");
}

#[test]
fn php_serves_the_old_release_until_it_is_reloaded() {
    let lab = Lab::start(&Spec::new().host("box", "wordpress"));
    lab.exec(
        "box",
        r#"mkdir -p /srv/box/1 /srv/box/2 /var/www/box/wp-content/mu-plugins && cd /srv/box &&
        for n in 1 2; do
            echo "<?php add_action('wp_footer', function () { echo 'release $n'; });" > $n/loader.php
        done
        ln -s 1 current && ln -s /srv/box/current/loader.php /var/www/box/wp-content/mu-plugins/f.php"#,
    );
    assert!(lab.get("box", "/").body.contains("release 1"));
    lab.exec("box", "cd /srv/box && ln -s 2 next && mv -T next current");
    assert!(lab.get("box", "/").body.contains("release 1"), "caches hold without a reload");
    lab.exec("box", "kill -USR2 $(cat /run/php/php*-fpm.pid)");
    let patience = Instant::now() + Duration::from_secs(10);
    while !lab.get("box", "/").body.contains("release 2") {
        assert!(Instant::now() < patience, "the reload never showed the new release");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn variants_are_what_they_say() {
    let lab = Lab::start(
        &Spec::new()
            .host("box", "busybox")
            .host("fish", "fish")
            .host("nologin", "nologin")
            .host("noisy", "noisy")
            .host("lacking", "missing:gzip")
            .host("asking", "sudo-password")
            .host("refusing", "no-sudo")
            .host("small", "small-disk")
            .host("crowded", "few-inodes")
            .host("open", "world-writable")
            .host("frozen", "readonly"),
    );
    assert_eq!(stdout(&lab.ssh("box", "readlink /bin/sh; command -v bash perl flock")), "busybox");
    assert!(stdout(&lab.ssh("fish", "echo $version")).starts_with(|c: char| c.is_ascii_digit()));
    assert!(!lab.ssh("nologin", "true").status.success());
    assert!(stdout(&lab.ssh("noisy", "true")).contains("Welcome"));
    assert_eq!(stdout(&lab.ssh("lacking", "command -v gzip; command -v tar")), "/usr/bin/tar");
    assert!(!lab.ssh("asking", "sudo -n true").status.success());
    let password = lab.host("asking").sudo_password.clone().expect("the lab says which");
    let asked = lab.ssh("asking", &format!("echo '{password}' | sudo -S -p '' id -u"));
    assert_eq!(stdout(&asked), "0");
    assert_eq!(lab.host("refusing").sudo_password, None);
    assert!(!lab.ssh("refusing", "sudo -n true").status.success());
    let full = lab.try_exec("small", "dd if=/dev/zero of=/srv/x bs=1M count=5");
    assert!(String::from_utf8_lossy(&full.stderr).contains("No space left"));
    assert!(!lab.try_exec("crowded", "cd /srv && touch $(seq 1 70)").status.success());
    assert_eq!(lab.exec("open", "stat -c %a /srv"), "777\n");
    assert!(!lab.try_exec("frozen", "touch /srv/x").status.success());
}

#[test]
fn a_rebooted_host_comes_back_with_its_files_and_another_boot_id() {
    let lab = Lab::start(&Spec::new().host("box", "static"));
    let boot = "cat /proc/sys/kernel/random/boot_id";
    let before = lab.exec("box", boot);
    lab.exec("box", "echo kept > /srv/kept; echo lost > /run/lost");
    lab.reboot("box");
    assert_ne!(lab.exec("box", boot), before);
    assert_eq!(lab.exec("box", "cat /srv/kept; ls /run/lost 2>/dev/null || true"), "kept\n");
    assert_eq!(lab.get("box", "/").status, 200);
    assert_eq!(stdout(&lab.ssh("box", "echo back")), "back");
}

#[test]
fn a_host_can_lose_its_network_and_each_command_is_counted() {
    let lab = Lab::start(&Spec::new().host("box", ""));
    let before = lab.commands_run("box");
    assert!(lab.ssh("box", "true").status.success());
    assert_eq!(lab.commands_run("box"), before + 1);
    lab.set_connected("box", false);
    let address = format!("{}:22", lab.host("box").address).parse().unwrap();
    let dial = || std::net::TcpStream::connect_timeout(&address, Duration::from_millis(300));
    assert!(dial().is_err());
    lab.set_connected("box", true);
    assert!(lab.ssh("box", "true").status.success());
}

#[test]
fn sixty_hosts_come_up_and_leave_nothing_behind() {
    let begun = Instant::now();
    let lab = Lab::start(&Spec::new().hosts("host", 60, "wordpress"));
    println!("60 hosts with sshd, nginx and php-fpm were up after {:.1?}", begun.elapsed());
    for host in lab.hosts() {
        assert_eq!(lab.get(&host.name, "/").status, 200, "{}", host.name);
    }
    let pids: Vec<u32> = lab.hosts().iter().map(|host| host.pid).collect();
    drop(lab);
    for pid in pids {
        let name = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        assert!(!name.contains("fleetctl-lab"), "{pid} still runs");
    }
}

#[test]
fn a_project_names_every_site_of_the_lab() {
    let lab = Lab::start(&Spec::new().host("one", "wordpress,react=app").host("two", "static"));
    let project = tempfile::tempdir().unwrap();
    lab.write_project(project.path());
    let text = std::fs::read_to_string(project.path().join("inventory/sites.yml")).unwrap();
    for site in lab.hosts().iter().flat_map(|host| &host.sites) {
        assert!(text.contains(&format!("  {}: {{ address: ", site.name)), "{text}");
    }
    let trusted = std::fs::read_to_string(project.path().join("inventory/known_hosts")).unwrap();
    assert!(lab.hosts().iter().all(|host| trusted.contains(&host.public_key)));
    assert!(lab.inventory(&[("forms", &["app"])]).contains("groups: [react, forms]"));
}
