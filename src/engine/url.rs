//! A site's URL, as far as a gate needs it.

/// Scheme, host and port of a site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url {
    /// Whether it is `https`.
    pub secure: bool,
    /// The host's name, for Host and SNI.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl Url {
    /// Reads `http://host[:port][/…]` or `https://…`; the path is not used.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let secure = match scheme {
            "http" => false,
            "https" => true,
            _ => return None,
        };
        let authority = rest.split(['/', '?', '#']).next().filter(|text| !text.is_empty())?;
        let standard = if secure { 443 } else { 80 };
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, port.parse().ok()?),
            _ => (authority, standard),
        };
        (!host.is_empty()).then(|| Self { secure, host: host.to_owned(), port })
    }

    /// Plain HTTP to a site that is known by its name alone.
    #[must_use]
    pub fn of_name(name: &str) -> Self {
        Self { secure: false, host: name.to_owned(), port: 80 }
    }

    /// What the Host header says (RFC 9110 section 7.2: without the scheme's own port).
    #[must_use]
    pub fn authority(&self) -> String {
        match (self.secure, self.port) {
            (true, 443) | (false, 80) => self.host.clone(),
            (_, port) => format!("{}:{port}", self.host),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_gate_needs_is_read() {
        let read = |text| Url::read(text).map(|url| (url.secure, url.authority(), url.port));
        assert_eq!(read("https://a.example/x?y"), Some((true, "a.example".into(), 443)));
        assert_eq!(read("http://a.example:8080"), Some((false, "a.example:8080".into(), 8080)));
        assert_eq!(read("http://[::1]/"), Some((false, "[::1]".into(), 80)));
        for bad in ["a.example", "ftp://a", "https://", "http://a:x", "http://:80"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
