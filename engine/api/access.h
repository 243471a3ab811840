// What IAM decides before an operation runs, as constant tables: tools/generate_models.py compiles
// them from engine/services/NAME/access.txt, which it holds against AWS's Service Authorization
// Reference. engine/kernel/access.h makes access requests of them.
//
// A template is text with placeholders of the operation's input: {region}, {account} (the
// caller's), or {MEMBER.MEMBER[]|MEMBER=DEFAULT:FILTER}, the first member that is there, each
// element of a list
// ([]), else the default; among members, `username` is the name of the user who calls. A template
// whose placeholder has neither yields nothing. A value that is an ARN of the template's service,
// type and region replaces the template, when it is the last placeholder and has no filter but
// bare; not of S3 and CloudWatch, where a name may look like an ARN. Filters:
//   last       what follows the last '/'
//   bare       without a '/' in front
//   machine    the ARN of a state machine without version or alias; qualifier: these alone
//   group      the name of a log group, of its name or its ARN
//   bus        "NAME/" of an event bus, of its name or its ARN; empty for the default one
//   object     BUCKET/KEY of S3's CopySource
//   ec2        TYPE/ID of an id such as vpc-0a1b
//   function   the name of a Lambda function or layer, of its name or its ARN, whole or partial,
//              without version or alias
//   sources    the values of "source" in an event pattern that are plain texts;
//   types      those of "detail-type"
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace kiban::api {

struct AccessKey {
  std::string_view name{};   // "sns:Protocol"
  std::string_view value{};  // A template.
};

struct AccessRule {
  enum class Kind : std::uint8_t {
    Decide,  // By this table. Several rules of one operation are all decided.
    Inside,  // The operation asks by itself: what it needs to know, its input does not say.
    Open,    // AWS asks for no permission.
  };
  std::string_view operation{};
  Kind kind{Kind::Decide};
  std::string_view action{};
  // Templates. Where they yield no resource it is "*", or, of a rule that `passes`, nothing is
  // asked.
  std::span<const std::string_view> resources{};
  std::span<const AccessKey> keys{};
  std::string_view tags{};      // Member with the tags: aws:RequestTag/KEY and aws:TagKeys.
  std::string_view tag_keys{};  // Member with the keys alone.
  bool passes{false};           // iam:PassRole of a role that the request names.
};

// The rules of an operation; none: kiban's own, which only services call.
std::span<const AccessRule> access_rules(std::string_view folder, std::string_view operation);

}  // namespace kiban::api
