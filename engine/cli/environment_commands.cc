// env, aws, doctor, reset, jsonata: what needs little of the API.
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <iterator>

#include "cli/commands.h"
#include "cli/data_directory.h"
#include "cli/disk_use.h"
#include "cli/report.h"
#include "cli/table.h"
#include "cli/terminal.h"
#include "containers/driver.h"
#include "containers/program.h"
#include "containers/protections.h"
#include "core/time.h"
#include "jsonata/eval_lines.h"
#include "postgres/driver.h"
#include "postgres/egress.h"
#include "postgres/server.h"
#include "runtime/frontend.h"
#include "runtime/http_client.h"
#include "store/damaged_rows.h"
#include "store/store.h"

namespace kiban::cli {

namespace {

using Variables = std::vector<std::pair<std::string, std::string>>;

Variables variables_of(const Client& client) {
  Variables variables{{"AWS_ENDPOINT_URL", client.endpoint},
                      {"AWS_REGION", client.region},
                      {"AWS_DEFAULT_REGION", client.region},
                      {"AWS_ACCESS_KEY_ID", client.access_key_id},
                      {"AWS_SECRET_ACCESS_KEY", client.secret_access_key},
                      {"AWS_EC2_METADATA_DISABLED", "true"}};
  std::string no_proxy = "127.0.0.1,localhost";
  if (const char* value = std::getenv("NO_PROXY"); value != nullptr && *value != '\0') {
    const std::string before = value;
    no_proxy = before.find("127.0.0.1") == std::string::npos ? before + "," + no_proxy : before;
  }
  variables.emplace_back("NO_PROXY", no_proxy);
  return variables;
}

std::string quote(const std::string& text) {
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

// A key that the server will take: the data directory's, or any under --auth any.
bool has_usable_key(const Client& client) {
  if (client.key_found) return true;
  const auto health = client.health();
  return health && text_of(*health, "auth") == "any";
}

int complain_about_key(const Client& client) {
  return complain("key", "no data directory with a key for " + client.endpoint,
                  "Start 'kiban serve' first, or name its directory with --data DIR.");
}

}  // namespace

int print_environment(const ClientOptions& options) {
  const Client client = make_client(options);
  if (!has_usable_key(client)) return complain_about_key(client);
  for (const auto& [name, value] : variables_of(client))
    fmt::print("export {}={}\n", name, quote(value));
  return exit_done;
}

int run_aws(const ClientOptions& options, const std::vector<std::string>& arguments) {
  const Client client = make_client(options);
  if (!has_usable_key(client)) return complain_about_key(client);
  for (const auto& [name, value] : variables_of(client)) ::setenv(name.c_str(), value.c_str(), 1);
  // Keys and profiles of the user's own are for AWS, not for here.
  for (const char* name : {"AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN"})
    ::unsetenv(name);
  std::vector<std::string> words{"aws", "--endpoint-url", client.endpoint};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  std::fflush(nullptr);
  ::execvp("aws", pointers.data());
  return complain("aws", "the AWS CLI can't be run",
                  "Install it: apt-get install awscli, or pip install awscli.");
}

namespace {

struct Check {
  std::string name{};
  bool good{false};
  std::string text{};
  std::string what_to_do{};  // When it is not good.
  bool needed{false};
};

struct Tool {
  const char* name;
  const char* purpose;
  const char* package;  // Debian's.
};

constexpr Tool tools[] = {
    {"runc", "ECS tasks as containers", "runc"},
    {"conmon", "ECS tasks as containers", "conmon"},
    {"umoci", "ECS tasks as containers: unpacks images", "umoci"},
    {"ip", "ECS tasks as containers: their networks", "iproute2"},
    {"nft", "ECS tasks as containers: the rules of their networks", "nftables"},
    {"skopeo", "pushing images to ECR", "skopeo"},
    {"curl", "mails by kiban serve --smtp", "curl"},
    {"aws", "kiban aws", "awscli"},
    {"psql", "looking into databases", "postgresql-client"},
    {"node", "the CDK CLI; it wants 20 or newer, which npm has", "nodejs npm"}};

Check check_tool(const Tool& tool) {
  const std::string found = containers::find_program(tool.name);
  return {.name = tool.name,
          .good = !found.empty(),
          .text = found.empty() ? std::string("missing; for ") + tool.purpose : found,
          .what_to_do = std::string("apt-get install ") + tool.package};
}

// Without it, nobody can read the secrets in a copy of the directory.
Check check_key_file(const std::string& path) {
  struct stat found{};
  const bool there = ::lstat(path.c_str(), &found) == 0;
  const bool is_private = there && S_ISREG(found.st_mode) && (found.st_mode & 077U) == 0;
  return {.name = "key file",
          .good = is_private,
          .text = !there       ? "no " + path
                  : is_private ? path + " encrypts what is at rest; keep a copy apart from backups"
                               : path + " can be read by other users",
          .what_to_do = there ? "chmod 0600 " + path
                              : "kiban serve makes it, unless --key-file names another"};
}

std::vector<Check> check_server(const Client& client, const std::string& data) {
  const auto health = client.health();
  std::error_code ignored;
  const bool there = std::filesystem::exists(data, ignored);
  const std::string open_to_others = there ? readable_by_others(data) : "";
  const bool writable = there && ::access(data.c_str(), W_OK) == 0;
  return {{.name = "server",
           .good = health.has_value(),
           .text = health ? fmt::format("{}, version {}, auth {}, iam {}", client.endpoint,
                                        text_of(*health, "version"), text_of(*health, "auth"),
                                        text_of(*health, "iam"))
                          : "none at " + client.endpoint,
           .what_to_do = "kiban serve; or name it with --data or --endpoint",
           .needed = true},
          {.name = "key",
           .good = client.key_found,
           .text = client.key_found ? "in " + data : "no credentials.json in " + data,
           .what_to_do = "name the server's directory with --data"},
          {.name = "data",
           .good = writable && open_to_others.empty(),
           .text = (there ? data + (writable ? "" : ", not writable") : data + ", not made yet") +
                   (open_to_others.empty() ? "" : ", open to other users"),
           .what_to_do = !there     ? "kiban serve makes it"
                         : writable ? "kiban serve closes it; or chmod 0700"
                                    : "see who owns it"},
          check_key_file(data + "/key")};
}

// Where mails of SNS go.
std::vector<Check> check_mail(const Client& client) {
  const auto mail = client.get_own("/_kiban/mail", std::chrono::seconds{5});
  const json::array* mails = mail ? find_array(*mail, "mails") : nullptr;
  if (mails == nullptr) return {};
  const json::string* smtp = find_string(*mail, "smtp");
  return {{.name = "mail",
           .good = true,
           .text = smtp ? fmt::format("goes to {}", to_string(*smtp))
                        : fmt::format("goes to the local mailbox ({} there): kiban mail",
                                      mails->size())}};
}

// A server holds its rows for itself: they are looked at while none runs.
std::vector<Check> check_rows(const std::string& data) {
  std::error_code ignored;
  if (!std::filesystem::exists(data + "/rows", ignored)) return {};
  if (!std::filesystem::exists(data + "/key", ignored))
    return {{.name = "rows",
             .text = "not looked at: their key is not in " + data,
             .what_to_do = "copy the file of --key-file there to have every row looked at"}};
  const auto store = open_rows(data, "");
  if (!store)
    return {{.name = "rows",
             .text = "not looked at: " + store.error().cause,
             .what_to_do = "stop the server that uses them to have every row looked at"}};
  constexpr std::size_t keys_shown = 20;
  const store::DamagedRows found = store::find_damaged_rows(**store, keys_shown);
  if (found.damaged == 0)
    return {{.name = "rows", .good = true, .text = fmt::format("{} can be read", found.scanned)}};
  std::string text = fmt::format("{} of {} can't be read:", found.damaged, found.scanned);
  for (const std::string& key : found.keys) text += " " + key;
  if (found.damaged > found.keys.size()) text += " ...";
  return {{.name = "rows",
           .text = std::move(text),
           .what_to_do = "what reads them fails, all else works; report it, or kiban reset",
           .needed = true}};
}

// With what is free there, as rows need room to be written.
std::vector<Check> check_disk(const std::string& data) {
  std::error_code failed;
  const std::filesystem::space_info space = std::filesystem::space(data, failed);
  if (failed) return {};
  std::string text;
  std::uint64_t total = 0;
  for (const DiskUse& use : disk_use(data)) {
    text += fmt::format(", {} {}", use.kind, bytes_words(use.bytes));
    total += use.bytes;
  }
  constexpr std::uint64_t little = 1ULL << 30U;
  return {{.name = "disk",
           .good = space.available >= little,
           .text = fmt::format("{} used{}; {} free", bytes_words(total), text,
                               bytes_words(space.available)),
           .what_to_do = "make room: a full disk ends the server"}};
}

std::vector<Check> check_host(const std::string& data) {
  std::vector<Check> checks;
  std::string lacking;
  for (const std::string& each : containers::missing_here())
    lacking += (lacking.empty() ? "" : ", ") + each;
  checks.push_back({.name = "containers",
                    .good = lacking.empty(),
                    .text = lacking.empty()
                                ? "can be run: each task gets a network and limits of its own"
                                : "can't be run for want of " + lacking,
                    .what_to_do = lacking.starts_with("root")
                                      ? "run kiban as root, or use --tasks process --source DIR"
                                      : "install what is missing, or use --tasks process"});
  for (containers::Protection& each : containers::protections_here(data))
    checks.push_back({.name = std::move(each.name),
                      .good = each.in_force,
                      .text = std::move(each.detail),
                      .what_to_do = std::move(each.what_to_do)});
  for (const Tool& tool : tools) checks.push_back(check_tool(tool));
  const std::vector<std::string> postgres = postgres::postgres_folders();
  checks.push_back({.name = "postgres",
                    .good = !postgres.empty(),
                    .text = postgres.empty() ? "missing; for RDS" : postgres.front() + "/postgres",
                    .what_to_do = "apt-get install postgresql-15"});
  const bool root = ::geteuid() == 0;
  const bool confined = root && !postgres::nft_program().empty();
  checks.push_back({.name = "database connections",
                    .good = confined,
                    .text = confined ? "databases connect to other databases only (nftables)"
                                     : "databases can connect to services of this host's network",
                    .what_to_do = root ? "apt-get install nftables" : "run kiban as root"});
  return checks;
}

// What the server's IAM decisions do; nothing where no server answers.
std::vector<Check> check_policies(const Client& client) {
  const auto health = client.health();
  if (!health) return {};
  const std::string mode = text_of(*health, "iam");
  const bool enforced = mode == "enforce";
  return {{.name = "policies",
           .good = enforced,
           .text = enforced            ? "IAM policies decide every request"
                   : mode == "observe" ? "IAM decisions are recorded, and every request passes"
                                       : "IAM policies are not evaluated",
           .what_to_do = "kiban serve --iam enforce"}};
}

// True when the answer is yes.
bool ask(const std::string& question) {
  fmt::print(stderr, "{} [y/N] ", question);
  std::string answer;
  std::getline(std::cin, answer);
  return answer == "y" || answer == "Y" || answer == "yes";
}

}  // namespace

int doctor(const ClientOptions& options, const OutputOptions& output) {
  const Client client = make_client(options);
  const std::string data = options.data.empty() ? default_data_directory() : options.data;
  std::vector<Check> checks = check_server(client, data);
  std::ranges::move(check_rows(data), std::back_inserter(checks));
  std::ranges::move(check_mail(client), std::back_inserter(checks));
  std::ranges::move(check_disk(data), std::back_inserter(checks));
  std::ranges::move(check_host(data), std::back_inserter(checks));
  std::ranges::move(check_policies(client), std::back_inserter(checks));
  bool failed = false;
  std::vector<TableRow> rows;
  json::array list;
  for (const Check& check : checks) {
    failed = failed || (check.needed && !check.good);
    const std::string advice = check.good ? "" : check.what_to_do;
    rows.push_back({check.name,
                    check.good     ? "ok"
                    : check.needed ? "FAILED"
                                   : "note",
                    check.text + (advice.empty() ? "" : ". " + advice)});
    json::object shown{{"check", check.name}, {"ok", check.good}, {"text", check.text}};
    if (!advice.empty()) shown["do"] = advice;
    list.push_back(std::move(shown));
  }
  if (output.json)
    print_json_line(list);
  else
    print_table({"CHECK", "RESULT", "DETAIL"}, rows);
  return failed ? exit_failed : exit_done;
}

int reset(const std::string& wanted, bool yes) {
  const std::string data = wanted.empty() ? default_data_directory() : wanted;
  std::error_code failed;
  if (!std::filesystem::exists(data + "/rows", failed))
    return complain("reset", "there is no data of kiban in " + data,
                    "Name the directory with --data DIR.");
  {
    const auto store = store::open_rocksdb_store(data + "/rows");
    // Damaged rows are erased like others.
    if (!store && store.error().name == "StoreLocked")
      return complain("reset", store.error().cause, "Stop the kiban that serves it first.");
  }
  const std::string what = "this erases everything in " + data +
                           ": stacks, executions, logs, "
                           "images and databases";
  if (!yes && ::isatty(STDIN_FILENO) != 1) {
    complain("reset", what, "Say --yes if you mean it.");
    return exit_usage;
  }
  if (!yes && !ask("kiban: reset: " + what + ". Go on?")) {
    fmt::print("Nothing was erased.\n");
    return exit_failed;
  }
  const Progress progress{"Erasing " + data};
  if (const auto erased = postgres::erase_servers(data + "/databases"); !erased)
    return complain("reset", erased.error().cause, "See who owns it.");
  if (const auto erased = containers::erase_tasks(data + "/tasks"); !erased)
    return complain("reset", erased.error().cause, "See who owns it.");
  for (const char* part : {"/rows", "/blobs", "/mail", "/key", "/server.json"}) {
    std::filesystem::remove_all(data + part, failed);
    if (failed)
      return complain("reset", "can't remove " + data + part + ": " + failed.message(),
                      "See who owns it.");
  }
  fmt::print("Erased {}. Its key stays.\n", data);
  return exit_done;
}

int evaluate_jsonata() {
  const auto now = [] { return std::chrono::floor<Duration>(std::chrono::system_clock::now()); };
  return jsonata::eval_lines(std::cin, std::cout, now);
}

}  // namespace kiban::cli
