// Denials in AWS's words, as services say them.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
#pragma once

#include <string>
#include <string_view>

#include "iam/decision.h"
#include "kernel/decision_log.h"

namespace kiban::kernel {

// "User: WHO is not authorized to perform: …". The record has its action, resource and missing.
std::string denial_text(const std::string& who, const DecisionRecord& record,
                        const iam::Decision& decision);

// The name of the error by which the service of `folder` refuses.
std::string_view refusal_name(std::string_view folder);

// The message of that service for a denial: EC2 has a sentence in front of it and, except where it
// describes, an encoded message behind it, which sts:DecodeAuthorizationMessage decodes. It says no
// more than the caller asked for and whether a policy denied it explicitly.
std::string refusal_text(std::string_view folder, const DecisionRecord& record);

}  // namespace kiban::kernel
