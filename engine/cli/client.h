// The server as the other commands see it: signed calls over HTTP.
#pragma once

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "core/json.h"
#include "core/result.h"
#include "core/time.h"

namespace kiban::cli {

struct ClientOptions {
  std::string endpoint{};  // Empty: $KIBAN_ENDPOINT, the data directory's, or the default.
  std::string data{};      // Empty: the default directory.
};

// The reply of a REST operation that succeeded.
struct Answer {
  std::vector<std::pair<std::string, std::string>> headers{};
  std::string body{};
};

struct Client {
  std::string endpoint{};
  std::string region{};
  std::string account{};
  std::string access_key_id{};
  std::string secret_access_key{};
  std::chrono::seconds timeout{60};  // Of each call.
  std::string given{};  // The options that lead to this server, for advice: " --data DIR" or empty.
  bool key_found{false};  // False: `--auth any` serves, or every call will be refused.

  // An operation of a service that speaks json 1.0 or 1.1. Errors: AWS's own, `ConnectFailed`.
  Result<json::object> call(const std::string& service, const std::string& operation,
                            const json::object& input) const;
  // An operation of a REST service that reads: GET of its path, which is encoded, with its query.
  Result<json::object> get(const std::string& service, const std::string& path,
                           const std::vector<std::pair<std::string, std::string>>& query) const;
  // An operation of a REST service whose payload is a body: POST to its path, which is encoded.
  Result<Answer> post(const std::string& service, const std::string& path,
                      const std::vector<std::pair<std::string, std::string>>& headers,
                      const std::string& body) const;
  // GET of a path below /_kiban/, with the data directory's token.
  Result<json::object> get_own(const std::string& path, std::chrono::seconds patience) const;
  // GET of a path below /_kiban/ as it is answered.
  Result<std::string> get_own_text(const std::string& path, std::chrono::seconds patience) const;
  // POST of JSON to a path below /_kiban/; an answer with another status than 200 is the Error that
  // it tells.
  Result<json::object> post_own(const std::string& path, const json::object& body,
                                std::chrono::seconds patience) const;
  // An operation of any service, as the account's root, with the data directory's token.
  Result<json::object> ask(const std::string& service, const std::string& operation,
                           const json::object& input) const;
  // All pages of it: `member` of each, by the pair of members that pages have.
  struct Pages {
    const char* member{""};
    const char* token_in{"Marker"};
    const char* token_out{"Marker"};
  };
  Result<json::array> ask_all(const std::string& service, const std::string& operation,
                              json::object input, const Pages& pages) const;
  // All pages of a list operation, `member` of each, at most `most` entries.
  Result<json::array> list(const std::string& service, const std::string& operation,
                           json::object input, const std::string& member,
                           std::size_t most = 10'000) const;
  Result<json::object> health() const;
  Result<Timestamp> clock() const;  // The server's time, which may be virtual.
};

Client make_client(const ClientOptions& options);
// Prints the error of a failed call, with advice. Returns the exit code.
int complain_about_call(const std::string& what, const Client& client, const Error& error);

}  // namespace kiban::cli
