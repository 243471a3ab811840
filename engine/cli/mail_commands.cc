// mail, mail show.
#include <fmt/core.h>

#include "cli/commands.h"
#include "cli/report.h"
#include "cli/table.h"
#include "cli/terminal.h"

namespace kiban::cli {

namespace {

constexpr std::chrono::seconds patience{10};

}  // namespace

int list_mails(const ClientOptions& options, const OutputOptions& output) {
  const Client client = make_client(options);
  const auto mail = client.get_own("/_kiban/mail", patience);
  if (!mail) return complain_about_call("mail", client, mail.error());
  const json::array* found = find_array(*mail, "mails");
  const json::array mails = found == nullptr ? json::array{} : *found;
  if (output.json) {
    print_json_line(mails);
    return exit_done;
  }
  std::vector<TableRow> rows;
  for (const json::value& each : mails) {
    const json::object& one = each.as_object();
    rows.push_back({std::to_string(static_cast<std::int64_t>(number_of(one, "number"))),
                    text_of(one, "date"), harmless(text_of(one, "to")),
                    harmless(text_of(one, "subject"))});
  }
  if (const json::string* smtp = find_string(*mail, "smtp"))
    fmt::print("Mails go to {}; those here came before.\n", std::string_view(*smtp));
  if (rows.empty())
    fmt::print("No mails.\n");
  else
    print_table({"N", "DATE", "TO", "SUBJECT"}, rows);
  return exit_done;
}

int print_mail(const ClientOptions& options, const std::string& number,
               const OutputOptions& output) {
  const Client client = make_client(options);
  if (number.empty() || number.find_first_not_of("0123456789") != std::string::npos) {
    complain("mail", "'" + number + "' is not a number", "'kiban mail' lists the mails.");
    return exit_usage;
  }
  const auto mail = client.get_own("/_kiban/mail/" + number, patience);
  if (!mail && mail.error().name == "HTTP 404")
    return complain("mail", "there is no mail " + number, "'kiban mail' lists the mails.");
  if (!mail) return complain_about_call("mail", client, mail.error());
  if (output.json) {
    print_json_line(*mail);
    return exit_done;
  }
  fmt::print("From: {}\nTo: {}\nSubject: {}\nDate: {}\n\n{}", harmless(text_of(*mail, "from")),
             harmless(text_of(*mail, "to")), harmless(text_of(*mail, "subject")),
             harmless(text_of(*mail, "date")), harmless(text_of(*mail, "body")));
  return exit_done;
}

}  // namespace kiban::cli
