// Filter patterns of CloudWatch Logs: what FilterLogEvents searches for and metric filters count.
//
//   ERROR -"BAD REQUEST" ?a ?b        terms: all must occur, -term must not, of ?terms alone one
//   %4\d\d%                           a regular expression (regex.h)
//   { $.status >= 400 && $.user IS NULL }                                     JSON events
//   [ip, ..., status = 4* || status = 500, bytes]                  fields between spaces
//
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/json.h"
#include "core/result.h"

namespace kiban::logfilter {

// One log event; what several filters need of it is read once.
class Message {
 public:
  explicit Message(std::string_view text) : text_(text) {}
  std::string_view text() const { return text_; }
  // nullptr: the text is not one JSON object.
  const json::object* object() const;

 private:
  std::string_view text_;
  mutable std::optional<json::value> parsed_{};  // null: it is not JSON.
};

// "$status" -> "404" of fields; an unnamed one is called by its position: "$7".
using Fields = std::map<std::string, std::string>;

class Pattern {
 public:
  virtual ~Pattern() = default;
  virtual bool matches(const Message& message) const = 0;
  // What TestMetricFilter shows of an event that matches: of space-delimited patterns alone.
  virtual Fields fields(const Message&) const { return {}; }
  // Whether metric values and dimensions can be fields of the event.
  virtual bool has_fields() const { return false; }
  // Whether the pattern itself names the field: "$.latency", "$bytes".
  virtual bool names(std::string_view /*reference*/) const { return false; }
  // The field's text in an event that matches; nullopt when there is none.
  virtual std::optional<std::string> field(const Message&, std::string_view /*reference*/) const {
    return std::nullopt;
  }
  virtual std::size_t regex_count() const { return 0; }
  // How many times a byte of the event may be compared.
  virtual std::size_t cost() const = 0;
  // The part of it that a Message bears once, however many patterns it is compared with.
  virtual std::size_t shared_cost() const { return 0; }
};

// Error InvalidParameterException "Invalid filter pattern".
Result<std::unique_ptr<Pattern>> parse(std::string_view pattern);

// Whether it selects a field of JSON events: "$.user.ids[0]"; a wildcard is not allowed.
bool is_json_reference(std::string_view reference);

// Of whole text, with an optional sign, fraction and exponent; nullopt for any other.
std::optional<double> parse_number(std::string_view text);

}  // namespace kiban::logfilter
