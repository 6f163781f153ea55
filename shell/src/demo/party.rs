//! An endpoint in one call: a phone, its audio and its dialog. When it does what is told in [`super::scene`].

use core::net::SocketAddr;
use std::rc::Rc;

use warmline_core::call::TICKET_HEADER;
use warmline_core::sip::{Method, Writer, echo, phrase};

use super::Missing;
use super::audio::Audio;
use super::dialog::{Dialog, describe, reachable};
use super::phone::{Letter, Phone, compose, text};
use super::seen::told;

/// The endpoint.
pub(super) struct Party {
    phone: Phone,
    pub(super) audio: Rc<Audio>,
    /// Whom it talks SIP with.
    warmline: SocketAddr,
    user: String,
    /// What it marks its end of the dialog with: random.
    tag: u64,
    dialog: Option<Dialog>,
}

impl Party {
    pub(super) fn new(phone: Phone, audio: Audio, warmline: SocketAddr, user: &str, tag: u64) -> Self {
        Self { phone, audio: Rc::new(audio), warmline, user: user.to_owned(), tag, dialog: None }
    }

    /// Calls a line, and is answered.
    pub(super) async fn calls(&mut self, line: &str) -> Result<(), Missing> {
        let target = format!("sip:{line}@{}", self.warmline);
        self.dialog = Some(Dialog::calling(self.phone.local(), self.tag, &self.user, target));
        let description = self.audio.describe();
        let answer = self.ask(Method::Invite, "", Some(&description)).await?;
        let message = answer.message()?;
        self.audio.meet(&message)?;
        self.dialog.as_mut().ok_or(Missing::Sense)?.confirm(&message)?;
        let ack = self.request(Method::Ack, "", None)?;
        self.phone.answer(&answer, &ack).await
    }

    /// Is called, and says that it is being seen to. The INVITE, and each ticket that stands in it.
    pub(super) async fn is_called(&mut self) -> Result<(Letter, Vec<String>), Missing> {
        let invite = self.next(Method::Invite).await?;
        self.respond(&invite, 100).await?;
        let tickets = invite.message()?.extension(TICKET_HEADER).map(text).collect();
        Ok((invite, tickets))
    }

    /// Takes the call.
    pub(super) async fn answers(&mut self, invite: &Letter) -> Result<(), Missing> {
        let message = invite.message()?;
        self.audio.meet(&message)?;
        self.dialog = Some(Dialog::called(self.phone.local(), self.tag, &self.user, &message)?);
        self.respond(invite, 200).await?;
        self.next(Method::Ack).await.map(drop)
    }

    /// Does not take it.
    pub(super) async fn declines(&mut self, invite: &Letter, status: u16) -> Result<(), Missing> {
        self.respond(invite, status).await?;
        self.next(Method::Ack).await.map(drop)
    }

    /// Hands its caller over to a line.
    pub(super) async fn refers(&mut self, line: &str) -> Result<(), Missing> {
        let refer_to = format!("Refer-To: <sip:{line}@{}>\r\n", self.warmline);
        self.ask(Method::Refer, &refer_to, None).await.map(drop)
    }

    /// Is told how that goes.
    pub(super) async fn is_told(&mut self) -> Result<String, Missing> {
        let notify = self.next(Method::Notify).await?;
        self.respond(&notify, 200).await?;
        Ok(told(&notify.message()?))
    }

    /// Ends its call.
    pub(super) async fn hangs_up(&mut self) -> Result<(), Missing> {
        self.audio.part();
        self.ask(Method::Bye, "", None).await.map(drop)
    }

    /// Has its call ended.
    pub(super) async fn is_hung_up(&mut self) -> Result<(), Missing> {
        let bye = self.next(Method::Bye).await?;
        self.audio.part();
        self.respond(&bye, 200).await
    }

    /// Answers a request: an INVITE's final response until it is acknowledged.
    pub(super) async fn respond(&mut self, request: &Letter, status: u16) -> Result<(), Missing> {
        let message = request.message()?;
        let invite = message.method() == Some(Method::Invite);
        let (here, accepts) = (self.phone.local(), invite && (200..300).contains(&status));
        let write = |w: &mut Writer<'_>| {
            w.status_line(status, phrase(status));
            echo(w, &message, request.from, (status > 100).then_some(self.tag));
            if invite && (101..300).contains(&status) {
                reachable(w, &self.user, here);
            }
            describe(w, accepts.then(|| self.audio.describe()).as_deref());
        };
        let response = compose(write)?;
        self.phone.answer(request, &response).await?;
        if invite && status >= 200 {
            self.phone.repeat(request.from, response);
        }
        Ok(())
    }

    /// The next request of a method.
    async fn next(&mut self, method: Method<'static>) -> Result<Letter, Missing> {
        self.phone.next(method, |message| message.method() == Some(method)).await
    }

    /// Sends a request, and gives the response that accepts it.
    async fn ask(
        &mut self,
        method: Method<'static>,
        headers: &str,
        body: Option<&str>,
    ) -> Result<Letter, Missing> {
        let request = self.request(method, headers, body)?;
        self.phone.ask(self.warmline, request).await?;
        let answer = self.phone.next(method, |message| {
            let of_it = message.essentials().is_ok_and(|essentials| essentials.cseq.method == method);
            of_it && message.status().is_some_and(|status| status >= 200)
        });
        let answer = answer.await?;
        match answer.message()?.status() {
            Some(status @ 300..) => Err(Missing::Refused(text(method.as_bytes()), status)),
            _ => Ok(answer),
        }
    }

    fn request(&mut self, method: Method<'_>, headers: &str, body: Option<&str>) -> Result<Vec<u8>, Missing> {
        self.dialog.as_mut().ok_or(Missing::Sense)?.request(method, headers, body)
    }
}
