#include "cli/data_directory.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "core/json.h"

namespace kiban::cli {

namespace {

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::string path_of(const std::string& directory) { return directory + "/server.json"; }

}  // namespace

std::string default_data_directory() {
  if (const std::string data = environment("KIBAN_DATA"); !data.empty()) return data;
  if (const std::string state = environment("XDG_STATE_HOME"); !state.empty())
    return state + "/kiban";
  const std::string home = environment("HOME");
  return (home.empty() ? "/var/lib" : home + "/.local/state") + "/kiban";
}

Result<void> write_server_file(const std::string& directory, const ServerFile& file) {
  std::ofstream out{path_of(directory), std::ios::trunc};
  out << print_json(json::object{{"Endpoint", file.endpoint},
                                 {"Account", file.account},
                                 {"Region", file.region},
                                 {"Auth", file.auth},
                                 {"Pid", file.pid}})
      << "\n";
  out.close();
  if (!out) return fail("DataFailed", "can't write " + path_of(directory));
  return {};
}

std::optional<ServerFile> read_server_file(const std::string& directory) {
  std::ifstream in{path_of(directory)};
  if (!in) return std::nullopt;
  std::ostringstream text;
  text << in.rdbuf();
  const Result<json::value> value = parse_json(text.str());
  if (!value || !value->is_object()) return std::nullopt;
  const auto member = [&](std::string_view key) {
    const json::string* found = find_string(value->get_object(), key);
    return found == nullptr ? std::string{} : to_string(*found);
  };
  const json::value* pid = find(value->get_object(), "Pid");
  return ServerFile{.endpoint = member("Endpoint"),
                    .account = member("Account"),
                    .region = member("Region"),
                    .auth = member("Auth"),
                    .pid = pid != nullptr && pid->is_int64() ? pid->get_int64() : 0};
}

void remove_server_file(const std::string& directory) {
  std::error_code ignored;
  std::filesystem::remove(path_of(directory), ignored);
}

}  // namespace kiban::cli
