//! What the doctor finds on real hosts that would spoil a switch.

use super::{
    project::{Member, Project},
    sixty::lab,
};

#[test]
fn web_servers_and_containers_that_would_miss_a_switch_are_named() {
    let project = Project::new(&["w1", "w2"].map(|site| Member::new(site, &["forms"])));
    project.run(&["hosts", "doctor"]).expect(0).says_nothing_of("realpath_root");
    // A server as many are written, and a container engine that has the link mounted. There is no
    // container engine for these hosts, so one is played.
    lab().exec(
        &lab().site("w2").0.name,
        r#"mkdir -p /etc/nginx/conf.d && cat >/etc/nginx/conf.d/old.conf <<'CONF'
server {
    listen 127.0.0.1:9009;
    location / {
        include fastcgi_params;
        fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;
        fastcgi_pass unix:/run/php/php-fpm.sock;
    }
}
CONF
cat >/usr/local/bin/docker <<'PLAYED'
#!/bin/sh
case $1 in
ps) echo 0123456789ab ;;
inspect) echo "/shop:/var/log/shop:/srv/w2/current:" ;;
esac
PLAYED
chmod 755 /usr/local/bin/docker"#,
    );
    let found = project.run(&["hosts", "doctor"]).expect(0);
    found.says("/etc/nginx/conf.d/old.conf hands PHP the path with the link in it");
    found.says("the container /shop mounts /srv/w2/current").says("w2").says("mount /srv/w2");
    lab().exec(&lab().site("w2").0.name, "rm /etc/nginx/conf.d/old.conf /usr/local/bin/docker");
}
