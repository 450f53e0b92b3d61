"""Tiers in S3 buckets, of any provider. Imported by kind, so that nobody else pays for boto3."""
