#include "runtime/mail.h"

#include <fmt/format.h>

#include <charconv>

#include "core/utf8.h"
#include "runtime/mail_message.h"

namespace kiban::runtime {
namespace {

constexpr std::string_view mail_path = "/_kiban/mail";

std::string text_of(const json::object& payload, std::string_view key) {
  const json::string* found = find_string(payload, key);
  return found ? to_string(*found) : std::string();
}

Result<void> send(const MailOptions& options, Mailbox& mailbox, MessageSigner& signer,
                  const services::Effect& effect) {
  const json::object& payload = effect.payload;
  Mail mail{.from_name = text_of(payload, "FromName"),
            .from_address = options.from,
            .to = text_of(payload, "To"),
            .subject = text_of(payload, "Subject"),
            .id = text_of(payload, "MessageId"),
            .date = from_epoch_seconds(payload.at("Date").to_number<double>()),
            .body = text_of(payload, "Body")};
  if (const std::string version = text_of(payload, "Sign"); !version.empty()) {
    KIBAN_TRY(mail.body, signer.sign(mail.body, version));
  }
  KIBAN_TRY(const std::string text, format_mail(mail));
  if (options.server)
    return send_by_smtp(*options.server, mail.from_address, mail.to, text, *options.stop);
  return mailbox.add(effect.id, text);
}

HttpReply json_reply(int status, const json::object& value) {
  return {.status = status,
          .headers = {{"Content-Type", "application/json"}},
          .body = print_json(value) + "\n"};
}

HttpReply one_mail(const Mailbox& mailbox, std::string_view wanted) {
  std::uint64_t number = 0;
  const char* const end = wanted.data() + wanted.size();
  const bool is_number = std::from_chars(wanted.data(), end, number).ptr == end;
  const auto text = is_number ? mailbox.read(number) : std::nullopt;
  if (!text)
    return json_reply(404, {{"message", fmt::format("There is no mail {}.", to_utf8(wanted))}});
  json::object shown = mail_summary(number, *text);
  shown["body"] = to_utf8(read_mail(*text).body);
  shown["text"] = to_utf8(*text);
  return json_reply(200, shown);
}

}  // namespace

Performer make_mail_performer(MailOptions options, Mailbox& mailbox, MessageSigner& signer,
                              Worker& worker) {
  return [options = std::move(options), &mailbox, &signer, &worker](const services::Effect& effect,
                                                                    const Report& report) {
    worker.post([options, &mailbox, &signer, effect, report] {
      const Result<void> sent = send(options, mailbox, signer, effect);
      if (sent) return report({.payload = {}});
      const std::string& name = sent.error().name;
      report({.payload = {{"Error", name},
                          {"Cause", to_utf8(sent.error().cause)},
                          {"Permanent", name == "MailRefused" || name == "InvalidMail"}}});
    });
  };
}

Handler make_mail_route(std::optional<SmtpServer> server, const Mailbox& mailbox) {
  return
      [server = std::move(server), &mailbox](const HttpRequest& request, const Respond& respond) {
        const std::string path = request.target.substr(0, request.target.find('?'));
        const bool is_list = path == mail_path;
        respond([&mailbox, server, is_list, method = request.method,
                 wanted = is_list ? "" : path.substr(mail_path.size() + 1)]() -> HttpReply {
          if (method != "GET") return json_reply(405, {{"message", "Mails can be read: GET."}});
          if (!is_list) return one_mail(mailbox, wanted);
          json::object shown{{"smtp", nullptr}, {"mails", mailbox.list()}};
          if (server) shown["smtp"] = fmt::format("{}:{}", server->host, server->port);
          return json_reply(200, shown);
        });
      };
}

}  // namespace kiban::runtime
