"""The EC2 instance of the data API: Lambda function, infrastructure and the recipes `aws::...`."""
