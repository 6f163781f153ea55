//! SIP messages as text, read strictly: what we send has no excuse.

/// One message, cut into its parts.
#[derive(Clone, Debug)]
pub struct Text<'a> {
    /// The request line or status line.
    pub start: &'a str,
    /// Names and values in the order they came.
    pub fields: Vec<(&'a str, &'a str)>,
    /// What follows the empty line.
    pub body: &'a str,
}

impl<'a> Text<'a> {
    /// Cuts a datagram. What is not exactly as RFC 3261 section 25 writes it, long names, no folds, one space after
    /// the colon, and a Content-Length that is true, is said to be wrong.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, String> {
        let text = core::str::from_utf8(bytes).map_err(|_| "not UTF-8")?;
        let (head, body) = text.split_once("\r\n\r\n").ok_or("no empty line")?;
        let mut lines = head.split("\r\n");
        let start = lines.next().unwrap_or_default();
        let mut fields = Vec::with_capacity(16);
        for line in lines {
            let (name, value) = line.split_once(": ").ok_or_else(|| format!("no field: {line:?}"))?;
            let token = |byte: u8| byte.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&byte);
            if name.len() < 2 || !name.bytes().all(token) {
                return Err(format!("no field name: {name:?}"));
            }
            if value.bytes().any(|byte| byte == b'\r' || byte == b'\n' || byte == 0) || value != value.trim()
            {
                return Err(format!("no field value: {line:?}"));
            }
            fields.push((name, value));
        }
        let this = Self { start, fields, body };
        let length = this.one("Content-Length")?;
        if length.parse() != Ok(body.len()) {
            return Err(format!("Content-Length says {length}, the body has {}", body.len()));
        }
        match (body.is_empty(), this.get("Content-Type")) {
            (true, Some(_)) => return Err("Content-Type without a body".into()),
            (false, None) => return Err("a body without Content-Type".into()),
            _ => {}
        }
        Ok(this)
    }

    /// The value of the first field of that name.
    pub fn get(&self, name: &str) -> Option<&'a str> {
        self.all(name).next()
    }

    /// The values of all fields of that name.
    pub fn all<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'a str> + 's {
        self.fields.iter().filter(move |field| field.0.eq_ignore_ascii_case(name)).map(|field| field.1)
    }

    /// The value of the only field of that name.
    pub fn one(&self, name: &str) -> Result<&'a str, String> {
        let mut all = self.all(name);
        match (all.next(), all.next()) {
            (Some(value), None) => Ok(value),
            (None, _) => Err(format!("no {name}")),
            (Some(_), Some(_)) => Err(format!("more than one {name}")),
        }
    }

    /// A response's status.
    pub fn status(&self) -> Option<u16> {
        self.start.strip_prefix("SIP/2.0 ")?.get(..3)?.parse().ok()
    }

    /// A request's method; empty for a response.
    pub fn method(&self) -> &'a str {
        match self.start.split_once(' ') {
            Some((method, _)) if method != "SIP/2.0" => method,
            _ => "",
        }
    }

    /// A request's Request-URI.
    pub fn uri(&self) -> &'a str {
        self.start.split(' ').nth(1).unwrap_or_default()
    }

    /// Number and method of the CSeq.
    pub fn cseq(&self) -> Option<(u32, &'a str)> {
        let (number, method) = self.get("CSeq")?.split_once(' ')?;
        Some((number.parse().ok()?, method))
    }

    /// The branch of the topmost Via.
    pub fn branch(&self) -> &'a str {
        param(self.get("Via").unwrap_or_default(), "branch").unwrap_or_default()
    }

    /// The tag of a From or To.
    pub fn tag(&self, name: &str) -> Option<&'a str> {
        param(self.get(name)?, "tag")
    }

    /// The URI between the angle brackets of a From, To or Contact.
    pub fn address(&self, name: &str) -> Option<&'a str> {
        let (_, rest) = self.get(name)?.split_once('<')?;
        Some(rest.split_once('>')?.0)
    }
}

/// A parameter behind a name-addr or a Via.
pub(crate) fn param<'a>(value: &'a str, name: &str) -> Option<&'a str> {
    let outside = value.rsplit_once('>').map_or(value, |(_, rest)| rest);
    outside.split(';').skip(1).find_map(|param| {
        let (found, value) = param.split_once('=')?;
        found.eq_ignore_ascii_case(name).then_some(value)
    })
}
