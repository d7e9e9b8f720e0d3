ORIGINS = ["https://billing.acme.com"]
