#include "cfn/type_lists.h"

namespace kiban::cfn {

const std::string_view tag_operations = R"({
"ec2":{"Tag":{"op":"CreateTags","in":{"Resources":["=@tagid"],"Tags":"=Tags"}},"Untag":{"op":"DeleteTags","in":{"Resources":["=@tagid"],"Tags":"=@untag.Tags"}}},
"elbv2":{"Tag":{"op":"AddTags","in":{"ResourceArns":["=@tagid"],"Tags":"=Tags"}},"Untag":{"op":"RemoveTags","in":{"ResourceArns":["=@tagid"],"TagKeys":"=@untag.Keys"}}},
"rds":{"Tag":{"op":"AddTagsToResource","in":{"ResourceName":"=@tagid","Tags":"=Tags"}},"Untag":{"op":"RemoveTagsFromResource","in":{"ResourceName":"=@tagid","TagKeys":"=@untag.Keys"}}},
"ecr":{"Tag":{"op":"TagResource","in":{"resourceArn":"=@tagid","tags":"=Tags"}},"Untag":{"op":"UntagResource","in":{"resourceArn":"=@tagid","tagKeys":"=@untag.Keys"}}},
"ecs":{"Tag":{"op":"TagResource","in":{"resourceArn":"=@tagid","tags":"=lowertags:Tags"}},"Untag":{"op":"UntagResource","in":{"resourceArn":"=@tagid","tagKeys":"=@untag.Keys"}}},
"states":{"Tag":{"op":"TagResource","in":{"resourceArn":"=@tagid","tags":"=lowertags:Tags"}},"Untag":{"op":"UntagResource","in":{"resourceArn":"=@tagid","tagKeys":"=@untag.Keys"}}},
"logs":{"Tag":{"op":"TagResource","in":{"resourceArn":"=@tagid","tags":"=tagmap:Tags"}},"Untag":{"op":"UntagResource","in":{"resourceArn":"=@tagid","tagKeys":"=@untag.Keys"}}},
"lambda":{"Tag":{"op":"TagResource","in":{"Resource":"=@tagid","Tags":"=tagmap:Tags"}},"Untag":{"op":"UntagResource","in":{"Resource":"=@tagid","TagKeys":"=@untag.Keys"}}},
"events":{"Tag":{"op":"TagResource","in":{"ResourceARN":"=@tagid","Tags":"=Tags"}},"Untag":{"op":"UntagResource","in":{"ResourceARN":"=@tagid","TagKeys":"=@untag.Keys"}}},
"scheduler":{"Tag":{"op":"TagResource","in":{"ResourceArn":"=@tagid","Tags":"=Tags"}},"Untag":{"op":"UntagResource","in":{"ResourceArn":"=@tagid","TagKeys":"=@untag.Keys"}}},
"cloudwatch":{"Tag":{"op":"TagResource","in":{"ResourceARN":"=@tagid","Tags":"=Tags"}},"Untag":{"op":"UntagResource","in":{"ResourceARN":"=@tagid","TagKeys":"=@untag.Keys"}}},
"applicationautoscaling":{"System":false,"Tag":{"op":"TagResource","in":{"ResourceARN":"=@tagid","Tags":"=tagmap:Tags"}},"Untag":{"op":"UntagResource","in":{"ResourceARN":"=@tagid","TagKeys":"=@untag.Keys"}}},
"sns":{"Tag":{"op":"TagResource","in":{"ResourceArn":"=@tagid","Tags":"=Tags"}},"Untag":{"op":"UntagResource","in":{"ResourceArn":"=@tagid","TagKeys":"=@untag.Keys"}}},
"sqs":{"Tag":{"op":"TagQueue","in":{"QueueUrl":"=@tagid","Tags":"=tagmap:Tags"}},"Untag":{"op":"UntagQueue","in":{"QueueUrl":"=@tagid","TagKeys":"=@untag.Keys"}}},
"iam":{"System":false,"Tag":{"op":"TagRole","in":{"RoleName":"=@tagid","Tags":"=Tags"}},"Untag":{"op":"UntagRole","in":{"RoleName":"=@tagid","TagKeys":"=@untag.Keys"}}},
"kms":{"Tag":{"op":"TagResource","in":{"KeyId":"=@tagid","Tags":"=kmstags:Tags"}},"Untag":{"op":"UntagResource","in":{"KeyId":"=@tagid","TagKeys":"=@untag.Keys"}}},
"secretsmanager":{"Tag":{"op":"TagResource","in":{"SecretId":"=@tagid","Tags":"=Tags"}},"Untag":{"op":"UntagResource","in":{"SecretId":"=@tagid","TagKeys":"=@untag.Keys"}}},
"s3":{"Tag":{"op":"PutBucketTagging","in":{"Bucket":"=@tagid","Tagging":{"TagSet":"=Tags"}}},"Untag":{"op":"DeleteBucketTagging","in":{"Bucket":"=@tagid"}}},
"ssm":{"Tag":{"op":"AddTagsToResource","in":{"ResourceType":"Parameter","ResourceId":"=@tagid","Tags":"=taglist:Tags"}},"Untag":{"op":"RemoveTagsFromResource","in":{"ResourceType":"Parameter","ResourceId":"=@tagid","TagKeys":"=@untag.Keys"}}}
})";

}  // namespace kiban::cfn
