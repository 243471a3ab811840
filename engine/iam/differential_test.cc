// Random policies and requests, decided by the library and by a second implementation of the
// documented rules that is slow and short: it reads the documents anew for each question, and
// matches wildcards by recursion.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "core/json.h"
#include "iam/evaluate.h"

namespace kiban::iam {
namespace {

using Values = std::map<std::string, std::vector<std::string>>;

std::string low(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(c));
  return text;
}

json::array list(const json::value& value) {
  return value.is_array() ? value.get_array() : json::array{value};
}
std::vector<std::string> texts(const json::value& value) {
  std::vector<std::string> all;
  for (const json::value& one : list(value)) all.push_back(to_string(one.as_string()));
  return all;
}

// A character of a pattern: itself, or a wildcard.
struct Letter {
  char c;
  bool wild;
};

std::optional<std::vector<Letter>> letters(const std::string& text, const Values& context,
                                           bool variables, bool wildcards) {
  std::vector<Letter> all;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::size_t end = text.find('}', i);
    if (variables && text.compare(i, 2, "${") == 0 && end != std::string::npos) {
      const std::string inside = text.substr(i + 2, end - i - 2);
      const std::size_t comma = inside.find(", '");
      std::string value;
      if (inside == "*" || inside == "?" || inside == "$")
        value = inside;
      else if (const auto found = context.find(low(inside.substr(0, comma)));
               found != context.end()) {
        if (found->second.size() != 1) return std::nullopt;
        value = found->second[0];
      } else if (comma != std::string::npos) {
        value = inside.substr(comma + 3, inside.size() - comma - 4);
      } else {
        return std::nullopt;
      }
      for (const char c : value) all.push_back({c, false});
      i = end;
    } else {
      all.push_back({text[i], wildcards && (text[i] == '*' || text[i] == '?')});
    }
  }
  return all;
}

bool same(const std::vector<Letter>& pattern, std::size_t p, const std::string& text,
          std::size_t t) {
  if (p == pattern.size()) return t == text.size();
  if (pattern[p].wild && pattern[p].c == '*')
    return same(pattern, p + 1, text, t) || (t < text.size() && same(pattern, p, text, t + 1));
  return t < text.size() && (pattern[p].wild || pattern[p].c == text[t]) &&
         same(pattern, p + 1, text, t + 1);
}

bool like(const std::string& pattern, const std::string& text, const Values& context,
          bool variables, bool wildcards = true) {
  const auto all = letters(pattern, context, variables, wildcards);
  return all && same(*all, 0, text, 0);
}

bool one_condition(const std::string& name, const std::string& key,
                   const std::vector<std::string>& wanted, const Values& context, bool variables) {
  std::string op = name;
  const bool all = op.starts_with("ForAllValues:");
  const bool any = op.starts_with("ForAnyValue:");
  if (all || any) op.erase(0, op.find(':') + 1);
  const bool if_exists = op.ends_with("IfExists");
  if (if_exists) op.erase(op.size() - 8);
  const auto found = context.find(low(key));
  if (op == "Null") return (wanted[0] == "true") == (found == context.end());
  const bool negated = op.find("Not") != std::string::npos;
  if (found == context.end()) return if_exists || all || (!any && negated);
  const auto equal = [&](const std::string& value, const std::string& want) {
    if (op == "NumericLessThan") return std::stod(value) < std::stod(want);
    return like(want, value, context, variables, op.ends_with("Like"));
  };
  const auto holds = [&](const std::string& value) {
    for (const std::string& want : wanted)
      if (equal(value, want)) return !negated;
    return negated;
  };
  std::size_t count = 0;
  for (const std::string& value : found->second) count += holds(value) ? 1 : 0;
  return all || (!any && negated) ? count == found->second.size() : count > 0;
}

struct Asker {
  std::string name{};
  std::string account{};
  std::string role{};  // Its ARN, of a session.
};

bool in(const json::array& list, const std::string& name) {
  return std::ranges::any_of(list, [&](const json::value& v) { return v == json::value(name); });
}

// 0 not named, 1 by the account, 2 by the role, 3 itself.
int named(const json::object& statement, const Asker& asker) {
  const json::value& principal = statement.at("Principal");
  if (principal.is_string()) return 3;
  const json::array aws = list(principal.at("AWS"));
  if (in(aws, "*") || in(aws, asker.name)) return 3;
  if (!asker.role.empty() && in(aws, asker.role)) return 2;
  return in(aws, "arn:aws:iam::" + asker.account + ":root") ? 1 : 0;
}

struct Found {
  bool allow{false};
  bool deny{false};
  int naming{0};  // The strongest of the allows.
};

bool applies(const json::object& statement, const json::object& request, const Values& context,
             bool variables) {
  const auto any = [&](std::string_view member, const std::string& text, bool action) {
    for (const std::string& pattern : texts(statement.at(member)))
      if (like(action ? low(pattern) : pattern, text, context, variables && !action)) return true;
    return false;
  };
  const std::string action = low(text(request, "action"));
  const std::string resource = text(request, "resource");
  if (statement.contains("Action") ? !any("Action", action, true) : any("NotAction", action, true))
    return false;
  if (statement.contains("Resource") ? !any("Resource", resource, false)
                                     : any("NotResource", resource, false))
    return false;
  if (const json::object* conditions = find_object(statement, "Condition"))
    for (const auto& [name, keys] : *conditions)
      for (const auto& [key, wanted] : keys.as_object())
        if (!one_condition(name, key, texts(wanted), context, variables)) return false;
  return true;
}

Found look(const json::array& policies, const json::object& request, const Values& context,
           const Asker* asker) {
  Found found;
  for (const json::value& policy : policies) {
    const bool variables = text(policy.get_object(), "Version") == "2012-10-17";
    for (const json::value& value : policy.at("Statement").as_array()) {
      const json::object& statement = value.get_object();
      const int naming = asker ? named(statement, *asker) : 3;
      if (naming == 0 || !applies(statement, request, context, variables)) continue;
      if (text(statement, "Effect") == "Deny") {
        found.deny = true;
      } else {
        found.allow = true;
        found.naming = std::max(found.naming, naming);
      }
    }
  }
  return found;
}

std::string naive(const json::object& request) {
  Values context;
  for (const auto& [key, value] : request.at("context").as_object())
    if (!list(value).empty()) context[low(key)] = texts(value);
  Asker asker{.name = text(request, "principal")};
  asker.account = asker.name.substr(13, 12);
  if (const std::size_t at = asker.name.find("assumed-role/"); at != std::string::npos) {
    const std::string rest = asker.name.substr(at + 13);
    asker.role = "arn:aws:iam::" + asker.account + ":role/" + rest.substr(0, rest.find('/'));
  }
  const auto read = [&](std::string_view member, const Asker* who) {
    return look(list(request.at(member)), request, context, who);
  };
  const Found identity = read("identityPolicies", nullptr);
  Found resource;
  if (request.contains("resourcePolicy")) resource = read("resourcePolicy", &asker);
  Found boundary{.allow = true};
  if (request.contains("permissionBoundaries")) boundary = read("permissionBoundaries", nullptr);
  Found session{.allow = true};
  if (request.contains("sessionPolicy")) session = read("sessionPolicy", nullptr);
  if (identity.deny || resource.deny || boundary.deny || session.deny) return "ExplicitlyDenied";
  const bool within = boundary.allow && session.allow;
  bool allowed = false;
  if (text(request, "resourceAccount") != asker.account)
    allowed = identity.allow && resource.allow && within;
  else
    allowed = resource.naming == 3 || (within && (identity.allow || resource.naming == 2));
  return allowed ? "Allowed" : "ImplicitlyDenied";
}

// --- random lines --------------------------------------------------------------------------------

class Maker {
 public:
  explicit Maker(unsigned seed) : random_(seed) {}

  json::object line() {
    json::object context;
    for (const char* key :
         {"aws:username", "aws:PrincipalTag/Team", "aws:TagKeys", "s3:max-keys"}) {
      if (chance(3)) continue;
      const bool number = std::string_view(key) == "s3:max-keys";
      json::array values;
      for (int i = number || !chance(2) ? 1 : pick(3); i > 0; --i)
        values.push_back(json::value(number ? one({"1", "5", "9"}) : one({"a", "b", "ab", "A"})));
      context[chance(2) ? low(key) : key] = values;
    }
    json::object made{
        {"principal", one(principals)},
        {"action", one({"s3:GetObject", "s3:PutObject", "sqs:SendMessage"})},
        {"resource", one({"arn:aws:s3:::b/a", "arn:aws:s3:::b/ab/a", "arn:aws:s3:::a"})},
        {"resourceAccount", one({"111122223333", "111122223333", "444455556666"})},
        {"context", context},
        {"identityPolicies", policies(pick(3), false)}};
    if (chance(2)) made["resourcePolicy"] = policy(true);
    if (chance(3)) made["permissionBoundaries"] = json::array{policy(false)};
    if (chance(3)) made["sessionPolicy"] = policy(false);
    return made;
  }

 private:
  static constexpr std::array principals = {"arn:aws:iam::111122223333:user/bob",
                                            "arn:aws:sts::111122223333:assumed-role/app/s",
                                            "arn:aws:iam::444455556666:user/eve"};

  int pick(int below) { return static_cast<int>(random_() % static_cast<unsigned>(below)); }
  bool chance(int of) { return pick(of) == 0; }
  template <typename List>
  std::string from(const List& list) {
    return *(std::begin(list) + pick(static_cast<int>(std::size(list))));
  }
  std::string one(std::initializer_list<const char*> list) { return from(list); }
  std::string one(const std::array<const char*, 3>& list) { return from(list); }

  json::value some(std::initializer_list<const char*> list) {
    if (chance(2)) return json::value(one(list));
    json::array all;
    for (int i = 1 + pick(2); i > 0; --i) all.push_back(json::value(one(list)));
    return all;
  }

  json::value principal() {
    if (chance(5)) return "*";
    return json::object{
        {"AWS",
         some({"arn:aws:iam::111122223333:user/bob", "arn:aws:iam::111122223333:role/app",
               "arn:aws:sts::111122223333:assumed-role/app/s", "arn:aws:iam::111122223333:root",
               "arn:aws:iam::444455556666:root", "arn:aws:iam::444455556666:user/eve"})}};
  }

  json::object conditions() {
    json::object all;
    for (int i = pick(3); i > 0; --i) {
      if (chance(5)) {
        all[one({"NumericLessThan", "NumericLessThanIfExists"})] =
            json::object{{"s3:max-keys", some({"2", "5", "10"})}};
        continue;
      }
      if (chance(5)) {
        all["Null"] = json::object{{one({"aws:username", "AWS:TagKeys"}), one({"true", "false"})}};
        continue;
      }
      std::string name = one({"", "", "ForAllValues:", "ForAnyValue:"});
      name += one({"StringEquals", "StringNotEquals", "StringLike", "StringNotLike"});
      name += one({"", "", "IfExists"});
      all[name] = json::object{{one({"aws:username", "aws:PrincipalTag/Team", "AWS:TagKeys"}),
                                some({"a", "A*", "a*", "?", "${aws:username}", "${*}",
                                      "${aws:PrincipalTag/Team, 'a'}"})}};
    }
    return all;
  }

  json::object statement(bool of_resource) {
    json::object made{{"Effect", chance(5) ? "Deny" : "Allow"}};
    made[chance(5) ? "NotAction" : "Action"] =
        some({"s3:*", "S3:Get*", "*", "sqs:SendMessage", "s3:???Object"});
    made[chance(5) ? "NotResource" : "Resource"] =
        some({"*", "arn:aws:s3:::b/*", "arn:aws:s3:::b/${aws:username}*", "arn:aws:s3:::*a",
              "arn:aws:s3:::b/${aws:PrincipalTag/Team, 'ab'}/?"});
    if (chance(2)) made["Condition"] = conditions();
    if (of_resource) made["Principal"] = principal();
    return made;
  }

  json::object policy(bool of_resource) {
    json::array statements;
    for (int i = 1 + pick(3); i > 0; --i) statements.push_back(statement(of_resource));
    json::object made{{"Statement", statements}};
    if (!chance(6)) made["Version"] = "2012-10-17";
    return made;
  }
  json::array policies(int count, bool of_resource) {
    json::array all;
    for (; count > 0; --count) all.push_back(policy(of_resource));
    return all;
  }

  std::mt19937 random_;
};

TEST(Decision, AgreesWithTheRulesReadSlowly) {
  std::map<std::string, int> seen;
  Maker maker(2026);
  for (int i = 0; i < 6'000; ++i) {
    const json::object line = maker.line();
    const json::value told = json::parse(evaluate_line(print_json(line)));
    const std::string decision = text(told.get_object(), "decision", print_json(told));
    ASSERT_EQ(decision, naive(line)) << print_json(line);
    ++seen[decision];
  }
  for (const char* decision : {"Allowed", "ImplicitlyDenied", "ExplicitlyDenied"})
    EXPECT_GT(seen[decision], 300) << decision;
}

}  // namespace
}  // namespace kiban::iam
