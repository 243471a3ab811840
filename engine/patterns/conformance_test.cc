// What AWS recorded, read at run time from $KIBAN_CONFORMANCE or ../shared/conformance.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "patterns/input.h"
#include "patterns/pattern.h"

namespace kiban::patterns {
namespace {

std::optional<json::value> recordings(const std::string& name) {
  const char* given = std::getenv("KIBAN_CONFORMANCE");
  const std::filesystem::path root = given != nullptr ? given : "../shared/conformance";
  std::ifstream file(root / "events" / name);
  if (!file) return std::nullopt;
  std::stringstream text;
  text << file.rdbuf();
  return parse_json(text.str()).value();
}

std::string string_at(const json::object& object, std::string_view key) {
  const auto* text = find_string(object, key);
  return text == nullptr ? "" : to_string(*text);
}

// "match", "no_match", or the error's code and text.
std::string outcome(const std::string& pattern_text, const std::string& event_text) {
  const auto event = parse_event(event_text);
  if (!event) return event.error().name + ": " + event.error().cause;
  const auto pattern = Pattern::parse(pattern_text);
  if (!pattern) return pattern.error().name + ": " + pattern.error().cause;
  return pattern->matches(*event) ? "match" : "no_match";
}

std::string expected_error(const json::object& recorded) {
  const auto* exception = find_object(recorded, "exception_message");
  const auto& error = (exception == nullptr ? recorded : *exception).at("Error").as_object();
  auto text = string_at(error, "MessageRaw");
  if (text.empty()) text = string_at(error, "Message");
  return string_at(error, "Code") + ": " + text;
}

void check_pattern_calls(const json::object& test) {
  const auto* recorded = find_object(test, "recorded");
  for (const auto& item : test.at("calls").as_array()) {
    const auto& call = item.as_object();
    auto expected = string_at(call, "expect");
    if (expected == "error" && recorded != nullptr) {
      const auto label = to_string(call.at("recorded_as").as_array().at(0).as_string());
      expected = expected_error(recorded->at(label).as_object());
    }
    EXPECT_EQ(outcome(string_at(call, "pattern_raw"), string_at(call, "event_raw")), expected);
  }
}

json::value sent_event(const json::object& entry) {
  return {{"version", "0"},
          {"id", "<uuid>"},
          {"detail-type", entry.at("DetailType")},
          {"source", entry.at("Source")},
          {"account", "111111111111"},
          {"time", "date"},
          {"region", "<region>"},
          {"resources", json::array{}},
          {"detail", parse_json(string_at(entry, "Detail")).value()}};
}

TEST(Conformance, Patterns) {
  const auto data = recordings("patterns.json");
  if (!data) GTEST_SKIP() << "no recordings: set KIBAN_CONFORMANCE";
  std::size_t count = 0;
  for (const auto& item : data->as_object().at("cases").as_array()) {
    const auto& test = item.as_object();
    SCOPED_TRACE(string_at(test, "id"));
    ++count;
    auto expected = string_at(test, "expect");
    if (expected == "see calls") {
      check_pattern_calls(test);
      continue;
    }
    if (expected == "see recorded") {
      const auto& request = test.at("calls").as_array().at(0).as_object().at("request").as_object();
      const auto pattern = Pattern::parse(print_json(request.at("pattern")));
      ASSERT_TRUE(pattern);
      for (const auto& pair : request.at("entries_asserts").as_array()) {
        for (const auto& entry : pair.as_array().at(0).as_array()) {
          EXPECT_EQ(pattern->matches(sent_event(entry.as_object())),
                    pair.as_array().at(1).as_bool());
        }
      }
      continue;
    }
    auto pattern = string_at(test, "pattern_raw");
    if (pattern.empty()) pattern = print_json(test.at("pattern"));
    if (expected == "error") {
      expected = expected_error(test.at("recorded").as_object().begin()->value().as_object());
    }
    EXPECT_EQ(outcome(pattern, print_json(test.at("event"))), expected);
  }
  EXPECT_GT(count, 100U);
}

RuleFacts placeholder_facts() {
  return {.rule_arn = "arn:<partition>:events:<region>:111111111111:rule/<bus-name>/<rule-name>",
          .rule_name = "<rule-name>"};
}

// Texts as in the recording, where JSON was parsed and times are replaced by "date".
std::string comparable(const json::value& body) {
  return body.is_string() ? to_string(body.get_string()) : print_json(body);
}
std::string comparable(std::string text) {
  if (const auto at = text.find("1970-01-01T00:00:00Z"); at != std::string::npos) {
    text.replace(at, 20, "date");
  }
  const auto parsed = parse_json(text);
  return parsed && parsed->is_object() ? print_json(*parsed) : text;
}

std::string delivered(const json::object& target, const json::object& entry) {
  const auto input = TargetInput::parse(target);
  if (!input) return input.error().name + ": " + input.error().cause;
  const auto event = sent_event(entry);
  const auto text = input->apply(event, placeholder_facts());
  return text ? comparable(*text) : "";
}

json::object target_of(const json::object& request) {
  json::object target{{"Id", "<target-id>"}};
  if (request.contains("input_path")) target["InputPath"] = request.at("input_path");
  if (request.contains("input_transformer")) {
    target["InputTransformer"] = request.at("input_transformer");
  }
  return target;
}

void check_filtered(const json::object& call, const json::object& recorded) {
  const auto& request = call.at("request").as_object();
  const auto& messages = recorded.at(call.at("recorded_as").as_array().at(0).as_string());
  std::vector<std::string> expected;
  if (messages.is_array()) {
    for (const auto& message : messages.as_array()) {
      expected.push_back(comparable(message.as_object().at("Body")));
    }
  }
  std::vector<std::string> found;
  for (const auto& pair : request.at("entries_asserts").as_array()) {
    for (const auto& entry : pair.as_array().at(0).as_array()) {
      const auto text = delivered(target_of(request), entry.as_object());
      if (!text.empty()) found.push_back(text);
    }
  }
  EXPECT_EQ(found, expected);
}

// Rules with targets of their own: one entry, one message a target.
void check_targets(const json::array& calls, const json::object& recorded) {
  json::object entry;
  for (const auto& call : calls) {
    if (string_at(call.as_object(), "op") == "PutEvents") {
      entry = call.as_object().at("request").as_object().at("Entries").as_array()[0].as_object();
    }
  }
  std::vector<std::string> expected;
  for (const auto& member : recorded) {
    if (const auto* messages = member.value().if_array()) {
      expected.push_back(comparable(messages->at(0).as_object().at("Body")));
    } else {
      expected.push_back(expected_error(member.value().as_object()));
    }
  }
  std::vector<std::string> found;
  for (const auto& call : calls) {
    if (string_at(call.as_object(), "op") != "PutTargets") continue;
    for (const auto& target : call.as_object().at("request").as_object().at("Targets").as_array()) {
      if (entry.empty()) entry = {{"DetailType", ""}, {"Source", ""}, {"Detail", "{}"}};
      found.push_back(delivered(target.as_object(), entry));
    }
  }
  for (auto& text : expected) {
    for (auto at = text.find("<uuid:"); at != std::string::npos; at = text.find("<uuid:", at + 1)) {
      text.replace(at, text.find('>', at) - at, "<uuid");
    }
  }
  EXPECT_EQ(found, expected);
}

TEST(Conformance, Inputs) {
  const auto data = recordings("inputs.json");
  if (!data) GTEST_SKIP() << "no recordings: set KIBAN_CONFORMANCE";
  std::size_t count = 0;
  for (const auto& item : data->as_object().at("cases").as_array()) {
    const auto& test = item.as_object();
    SCOPED_TRACE(string_at(test, "id"));
    ++count;
    const auto& recorded = test.at("recorded").as_object();
    const auto& calls = test.at("calls").as_array();
    if (string_at(calls.at(0).as_object(), "op") != "put_events_with_filter_to_sqs") {
      check_targets(calls, recorded);
      continue;
    }
    for (const auto& call : calls) check_filtered(call.as_object(), recorded);
  }
  EXPECT_GT(count, 15U);
}

}  // namespace
}  // namespace kiban::patterns
