// AWS STS: who the caller is, and sessions of roles.
// https://docs.aws.amazon.com/STS/latest/APIReference/welcome.html
//
// A session is the row sts/session/ACCESS_KEY_ID {SecretAccessKey, SessionToken, Arn, UserId,
// Expiration}, which the server reads to verify signatures. The role must exist and its trust
// policy allow the caller (engine/kernel/authoriser.h).
#pragma once

#include <memory>

#include "services/base/service.h"

namespace kiban::services::sts {

std::unique_ptr<Service> make_sts();

}  // namespace kiban::services::sts
