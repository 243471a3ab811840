// Effects `mail.send`, and /_kiban/mail, where the local mailbox can be read.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "runtime/effects.h"
#include "runtime/http_server.h"
#include "runtime/mailbox.h"
#include "runtime/message_signer.h"
#include "runtime/smtp.h"
#include "runtime/worker.h"

namespace kiban::runtime {

struct MailOptions {
  std::optional<SmtpServer> server{};  // Without one, mails go to the mailbox.
  std::string from{};                  // core/mail_address.h
  std::shared_ptr<SmtpStop> stop{std::make_shared<SmtpStop>()};
};

// {"To", "FromName", "Subject", "MessageId", "Date": epoch seconds, "Body"} to {} once the mail is
// in the mailbox or the server took it, or {"Error": name, "Cause": text, "Permanent": bool}. With
// "Sign": "1" or "2" the body is an SNS message, to be signed in that version. All arguments
// outlive the performer; `worker` runs the work.
Performer make_mail_performer(MailOptions options, Mailbox& mailbox, MessageSigner& signer,
                              Worker& worker);

// GET /_kiban/mail: {"smtp": "HOST:PORT" or null, "mails": as Mailbox::list()}; GET
// /_kiban/mail/NUMBER: the mail with its "body" and its "text", the whole of the .eml file.
Handler make_mail_route(std::optional<SmtpServer> server, const Mailbox& mailbox);

}  // namespace kiban::runtime
