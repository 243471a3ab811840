// mail, mail show.
#include <fmt/core.h>

#include <algorithm>

#include "cli/commands.h"
#include "cli/report.h"
#include "cli/table.h"

namespace kiban::cli {

namespace {

constexpr std::chrono::seconds patience{10};

// What a terminal must not get from a stranger's mail: control characters but line ends and tabs.
std::string printable(std::string text) {
  for (char& c : text)
    if ((static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t') || c == 0x7f) c = '?';
  return text;
}

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
                    text_of(one, "date"), text_of(one, "to"), printable(text_of(one, "subject"))});
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
  fmt::print("From: {}\nTo: {}\nSubject: {}\nDate: {}\n\n{}", text_of(*mail, "from"),
             text_of(*mail, "to"), printable(text_of(*mail, "subject")), text_of(*mail, "date"),
             printable(text_of(*mail, "body")));
  return exit_done;
}

}  // namespace kiban::cli
