// env, aws, doctor, reset, jsonata: what needs little of the API.
#include <fmt/core.h>
#include <unistd.h>

#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <map>

#include "cli/commands.h"
#include "cli/data_directory.h"
#include "cli/report.h"
#include "cli/table.h"
#include "containers/driver.h"
#include "containers/program.h"
#include "core/time.h"
#include "jsonata/eval_lines.h"
#include "postgres/driver.h"
#include "postgres/server.h"
#include "runtime/frontend.h"
#include "runtime/http_client.h"
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

// 90s, 5m, 24h, 7d, or milliseconds: 250ms.
Result<Duration> parse_duration(const std::string& text) {
  std::int64_t count = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, count);
  const std::string unit{stop, end};
  constexpr std::int64_t count_max = 1'000'000'000'000;
  const std::map<std::string, std::int64_t> units{
      {"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}};
  const auto found = units.find(unit);
  if (error != std::errc{} || found == units.end() || count < 0 || count > count_max)
    return fail("WrongUsage", "'" + text + "' is no duration such as 250ms, 90s, 5m, 24h or 7d");
  return Duration{count * found->second};
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

int doctor(const ClientOptions& options, const OutputOptions& output) {
  const Client client = make_client(options);
  const std::string data = options.data.empty() ? default_data_directory() : options.data;
  struct Check {
    std::string name{};
    bool good{false};
    bool needed{false};
    std::string text{};
  };
  std::vector<Check> checks;
  const auto health = client.health();
  checks.push_back({"server", health.has_value(), true,
                    health ? fmt::format("{} (auth {})", client.endpoint, text_of(*health, "auth"))
                           : "none at " + client.endpoint + ": start one with 'kiban serve'"});
  checks.push_back({"key", client.key_found, false,
                    client.key_found ? "in " + data : "no credentials.json in " + data});
  std::error_code ignored;
  const bool there = std::filesystem::exists(data, ignored);
  checks.push_back({"data", there && ::access(data.c_str(), W_OK) == 0, false,
                    there ? data : data + " (not made yet)"});
  struct Program {
    const char* name;
    const char* purpose;
  };
  for (const Program& program : {Program{"aws", "kiban aws; apt-get install awscli"},
                                 Program{"runc", "containers; apt-get install runc"},
                                 Program{"conmon", "containers; apt-get install conmon"},
                                 Program{"umoci", "images; apt-get install umoci"},
                                 Program{"ip", "containers; apt-get install iproute2"},
                                 Program{"skopeo", "pushing images; apt-get install skopeo"}}) {
    const std::string found = containers::find_program(program.name);
    checks.push_back({program.name, !found.empty(), false,
                      found.empty() ? std::string("missing, for ") + program.purpose : found});
  }
  checks.push_back({"containers", containers::missing_here().empty(), false,
                    containers::missing_here().empty()
                        ? "can be run here: each task gets a network and limits of its own"
                        : "can't be run here" +
                              std::string(::geteuid() == 0 ? "" : ": kiban must run as root")});
  const std::vector<std::string> postgres = postgres::postgres_folders();
  checks.push_back({"postgres", !postgres.empty(), false,
                    postgres.empty() ? "missing, for RDS; apt-get install postgresql-15"
                                     : postgres.front() + "/postgres"});
  checks.push_back({"policies", false, false,
                    "IAM policies are recorded, not evaluated: who may call may call anything"});
  bool failed = false;
  std::vector<TableRow> rows;
  json::array list;
  for (const Check& check : checks) {
    failed = failed || (check.needed && !check.good);
    rows.push_back({check.name, check.good ? "ok" : check.needed ? "FAILED" : "note", check.text});
    list.push_back(json::object{{"check", check.name}, {"ok", check.good}, {"text", check.text}});
  }
  if (output.json)
    print_json_line(list);
  else
    print_table({"CHECK", "RESULT", "DETAIL"}, rows);
  return failed ? exit_failed : exit_done;
}

int move_clock(const ClientOptions& options, const std::string& action, const std::string& value,
               const OutputOptions& output) {
  const Client client = make_client(options);
  runtime::Fetch request{.url = client.endpoint + "/_kiban/clock",
                         .timeout = std::chrono::minutes{10}};
  if (action != "show") {
    json::object body;
    if (action == "advance") {
      const auto duration = parse_duration(value);
      if (!duration) {
        complain("clock", duration.error().cause, "Write for example 'kiban clock advance 24h'.");
        return exit_usage;
      }
      body["advance"] = duration->count();
    } else {
      body["set"] = value;
    }
    request.method = "POST";
    request.headers = {{"Content-Type", "application/json"},
                       {"X-Kiban-Token", runtime::own_token(client.secret_access_key)}};
    request.body = print_json(body);
  }
  const auto reply = runtime::fetch(request);
  if (!reply) return complain_about_call("clock", client, reply.error());
  const auto answer = parse_json(reply->body);
  if (!answer || !answer->is_object())
    return complain("clock", "this is not kiban: " + reply->body.substr(0, 100), "See --endpoint.");
  if (reply->status != 200)
    return complain("clock", text_of(answer->get_object(), "message"),
                    "'kiban clock --help' tells more.");
  if (output.json)
    print_json_line(*answer);
  else
    fmt::print("{} clock, now {}, next timer {}\n", text_of(answer->get_object(), "clock"),
               text_of(answer->get_object(), "now"), text_of(answer->get_object(), "next_timer"));
  return exit_done;
}

int reset(const std::string& wanted, bool yes) {
  const std::string data = wanted.empty() ? default_data_directory() : wanted;
  std::error_code failed;
  if (!std::filesystem::exists(data + "/rows", failed))
    return complain("reset", "there is no data of kiban in " + data,
                    "Name the directory with --data DIR.");
  if (!yes) {
    complain("reset", "this erases everything in " + data, "Say --yes if you mean it.");
    return exit_usage;
  }
  {
    const auto store = store::open_rocksdb_store(data + "/rows");
    if (!store)
      return complain("reset", store.error().cause, "Stop the kiban that serves it first.");
  }
  if (const auto erased = postgres::erase_servers(data + "/databases"); !erased)
    return complain("reset", erased.error().cause, "See who owns it.");
  if (const auto erased = containers::erase_tasks(data + "/tasks"); !erased)
    return complain("reset", erased.error().cause, "See who owns it.");
  for (const char* part : {"/rows", "/blobs", "/server.json"}) {
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
