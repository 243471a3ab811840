// botocore makes, signs and sends a request for every operation that kiban serves, and reads
// kiban's replies and errors. testing/botocore_exchange.py is its side.
#include <gmock/gmock.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "api/codec.h"
#include "api/sigv4.h"

namespace kiban::api {
namespace {

struct Ran {
  int status{0};
  std::string output{};
};

Ran run(const std::string& command) {
  Ran ran;
  FILE* pipe = popen(command.c_str(), "r");  // NOLINT(bugprone-command-processor): of this file.
  if (!pipe) return {.status = -1};
  std::array<char, 65536> buffer{};
  while (const std::size_t read = fread(buffer.data(), 1, buffer.size(), pipe)) {
    ran.output.append(buffer.data(), read);
  }
  ran.status = pclose(pipe);
  return ran;
}

std::string exchange(const std::string& arguments) {
  return std::string(KIBAN_PYTHON) + " engine/api/testing/botocore_exchange.py " + arguments +
         " 2>&1";
}

HttpRequest request_of(const json::object& c) {
  HttpRequest request{.method = text(c, "method"),
                      .path = text(c, "path"),
                      .query = text(c, "query"),
                      .body = decode_base64(text(c, "body")).value()};
  for (const json::value& entry : *find_array(c, "headers")) {
    request.headers.emplace_back(to_string(entry.as_array()[0].as_string()),
                                 to_string(entry.as_array()[1].as_string()));
  }
  return request;
}

// Empty lists, maps and structures look like absent ones in most protocols.
json::value without_empty(const json::value& value) {
  if (value.is_object()) {
    json::object out;
    for (const auto& [name, entry] : value.get_object()) {
      json::value inner = without_empty(entry);
      const bool empty = (inner.is_object() && inner.get_object().empty()) ||
                         (inner.is_array() && inner.get_array().empty());
      if (!empty) out.emplace(name, std::move(inner));
    }
    return out;
  }
  if (value.is_array()) {
    json::array out;
    for (const json::value& entry : value.get_array()) out.push_back(without_empty(entry));
    return out;
  }
  return value;
}

json::object printed(const json::object& c, const HttpResponse& response) {
  json::array headers;
  for (const auto& [name, value] : response.headers) headers.push_back(json::array{name, value});
  return {{"service", c.at("service")},          {"operation", c.at("operation")},
          {"protocol", c.at("protocol")},        {"seed", c.at("seed")},
          {"status", response.status},           {"headers", headers},
          {"body", encode_base64(response.body)}};
}

Timestamp time_of(const HttpRequest& request) {
  const std::string date(header(request, "x-amz-date").value_or("20000101T000000Z"));
  return parse_iso8601(date.substr(0, 4) + "-" + date.substr(4, 2) + "-" + date.substr(6, 5) + ":" +
                       date.substr(11, 2) + ":" + date.substr(13, 2) + "Z")
      .value();
}

class Botocore : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    const Ran ran = run(exchange("requests engine/services"));
    ASSERT_EQ(ran.status, 0) << ran.output;
    std::string_view rest = ran.output;
    while (!rest.empty()) {
      const std::string_view line = rest.substr(0, rest.find('\n'));
      rest.remove_prefix(std::min(rest.size(), line.size() + 1));
      auto parsed = parse_json(line);
      ASSERT_TRUE(parsed) << parsed.error().cause << "\n" << line;
      cases.push_back(parsed->as_object());
    }
  }

  static void expect_read_back(const std::vector<json::object>& replies, const std::string& name) {
    const std::string file = testing::TempDir() + "/kiban-" + name + std::to_string(getpid());
    {
      std::ofstream out(file);
      for (const json::object& reply : replies) out << print_json(reply) << "\n";
    }
    const Ran ran = run(exchange("replies engine/services " + file));
    EXPECT_EQ(ran.status, 0) << ran.output;
    std::remove(file.c_str());
  }

  inline static std::vector<json::object> cases;
};

TEST_F(Botocore, ItsRequestsAreUnderstood) {
  ASSERT_GT(cases.size(), 100U);
  for (const json::object& c : cases) {
    const HttpRequest request = request_of(c);
    const Wire wire = identify(request);
    SCOPED_TRACE(text(c, "service") + ":" + text(c, "operation") + " " + request.method + " " +
                 request.path + "?" + request.query + "\n" + request.body);
    auto decoded = decode(request, wire);
    ASSERT_TRUE(decoded) << decoded.error().name << ": " << decoded.error().cause;
    EXPECT_EQ(decoded->service, text(c, "service"));
    EXPECT_EQ(decoded->operation, text(c, "operation"));
    // What botocore adds to S3's requests of its own accord.
    for (const std::string_view added :
         {"ContentLength", "ContentType", "ChecksumAlgorithm", "ChecksumCRC32", "ChecksumMode",
          "ContentEncoding", "EncodingType"}) {
      if (!c.at("tree").as_object().contains(added)) decoded->input.erase(added);
    }
    EXPECT_EQ(without_empty(decoded->input), without_empty(c.at("tree")));
    EXPECT_EQ(decoded->bulk_member.has_value(), c.at("bulk").is_string());
  }
}

TEST_F(Botocore, ItsSignaturesAreRight) {
  Verifier verifier;
  const auto lookup = [](std::string_view id) -> std::optional<Key> {
    if (id != "AKIDEXAMPLE") return std::nullopt;
    return Key{.secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
               .session_token = "a/session+token="};
  };
  for (const json::object& c : cases) {
    const HttpRequest request = request_of(c);
    if (!header(request, "authorization")) continue;  // What botocore would not send by itself.
    const auto verified = verifier.verify(request, identify(request), lookup, time_of(request));
    EXPECT_TRUE(verified) << text(c, "service") << ":" << text(c, "operation") << " "
                          << request.path << "?" << request.query << ": " << verified.error().name
                          << " " << verified.error().cause;
  }
}

TEST_F(Botocore, ItUnderstandsOurReplies) {
  std::vector<json::object> replies;
  for (const json::object& c : cases) {
    const Wire wire = identify(request_of(c));
    ASSERT_NE(wire.operation, nullptr) << text(c, "operation");
    replies.push_back(printed(c, encode_reply(wire, c.at("output").as_object(), "request-1")));
  }
  expect_read_back(replies, "replies");
}

TEST_F(Botocore, ItUnderstandsOurErrors) {
  std::vector<json::object> replies;
  for (const json::object& c : cases) {
    if (c.at("seed").as_int64() != 0 || text(c, "method") == "HEAD") continue;
    const Wire wire = identify(request_of(c));
    json::object reply =
        printed(c, encode_error(wire, {"SomethingElse", "What & why <so>"}, "request-1"));
    reply["error"] = "SomethingElse";
    replies.push_back(std::move(reply));
  }
  ASSERT_FALSE(replies.empty());
  expect_read_back(replies, "errors");
}

}  // namespace
}  // namespace kiban::api
